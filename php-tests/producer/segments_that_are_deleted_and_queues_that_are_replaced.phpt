--TEST--
A segment that somebody deletes, a queue that is replaced, and an older broadcaster are noticed within a moment
--EXTENSIONS--
fastapi_websocket
--INI--
fastapi_websocket.queue=journal
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = journal_queue(queue_directory(__FILE__));
$queue_until = function (callable $done) use ($directory) {
    for ($end = microtime(true) + 20; !$done();) {
        if (!WebSocketServer::queueEvent($directory, 'e') || microtime(true) > $end) {
            exit('not in time: ' . WebSocketServer::lastError());
        }
    }
};
$has_segment = fn () => glob("$directory/journal/*") !== [];
$queue_until($has_segment);
array_map('unlink', glob("$directory/journal/*"));
$queue_until($has_segment);
echo "deleted\n";
rename($directory, "$directory.old");
journal_queue($directory);
$queue_until($has_segment);
remove_directory("$directory.old");
echo "replaced\n";
journal_queue($directory, '"directory"');
$queue_until(fn () => event_files($directory) !== []);
echo "older\n";
journal_queue($directory);
array_map('unlink', [...event_files($directory), ...glob("$directory/journal/*")]);
WebSocketServer::queueEvent($directory, 'e');
echo count(records($directory)), ' record, ', count(event_files($directory)), " files\n";
?>
--EXPECTF--
deleted
replaced

Warning: FASTAPI\WebSocket\WebSocketServer::queueEvent(): fastapi_websocket.queue = journal has no effect on %s
older
1 record, 0 files
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
