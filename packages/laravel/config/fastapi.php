<?php

// What all connections with the driver `fastapi` have in common. A connection in config/broadcasting.php may have any
// of these keys too; its own wins.

return [
    // The directory that the broadcaster reads. Null: what php.ini says (fastapi_websocket.path).
    'queue' => env('FASTAPI_QUEUE'),

    // The app of the broadcaster's configuration ([[app]]): Echo names the key, and /broadcasting/auth signs with both.
    // Not needed if all channels are public.
    'key' => env('FASTAPI_APP_KEY'),
    'secret' => env('FASTAPI_APP_SECRET'),

    // For private-encrypted- channels: 32 random bytes in base64, as `openssl rand -base64 32` prints them.
    'encryption_master_key_base64' => env('FASTAPI_ENCRYPTION_MASTER_KEY'),

    // Seconds after which an event that still waits is not sent any more. Null: no end.
    'ttl' => env('FASTAPI_TTL'),

    // high, normal or low: which events are read first while many wait.
    'priority' => env('FASTAPI_PRIORITY', 'normal'),
];
