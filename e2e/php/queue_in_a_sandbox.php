<?php
// Queues one event into the directory that is named, from within a root directory if one is named, with a umask in octal.
[, $queue, $umask, $root] = $argv + [3 => null];
umask(octdec($umask));
if ($root !== null) {
    chroot($root) && chdir('/') || exit("no chroot\n");
}
$queued = FASTAPI\WebSocket\WebSocketServer::queueEvent($queue, 'from.a.sandbox', ['root' => $root !== null]);
echo $queued ? 'queued' : FASTAPI\WebSocket\WebSocketServer::lastError(), "\n";
