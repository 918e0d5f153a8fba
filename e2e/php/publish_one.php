<?php
// Publishes one event: publish_one.php QUEUE CHANNEL.

declare(strict_types=1);

[, $path, $channel] = $argv;
(new FASTAPI\WebSocket\EventQueue($path))->publish('test', 1, $channel);
