<?php

// The connection `fastapi` is the package's own: it reads FASTAPI_QUEUE, FASTAPI_APP_KEY and FASTAPI_APP_SECRET.

return [
    'default' => env('BROADCAST_CONNECTION', 'fastapi'),
    'connections' => [],
    // For the page. Behind a proxy it is the port of the site, and needs no setting.
    'websocket_port' => env('WEBSOCKET_PORT', 8081),
];
