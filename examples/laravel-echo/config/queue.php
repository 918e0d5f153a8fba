<?php

// Without a worker: a broadcast writes into a directory and waits for no network.

return ['default' => 'sync', 'connections' => ['sync' => ['driver' => 'sync']]];
