--TEST--
Where no broadcaster reads a journal, events become files, with one warning in a process that says what to do
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';

$directory = queue_directory(__FILE__);
$script = <<<'PHP'
    use FASTAPI\WebSocket\WebSocketServer;
    use FASTAPI\WebSocket\EventQueue;
    $queue = new EventQueue(getenv('QUEUE'));
    var_dump(WebSocketServer::queueEvent(getenv('QUEUE'), 'e', 1));
    $uid = $queue->publish('e', 2);
    $queue->publish('e', 3, 'c');
    $queue->publishAll([['event' => 'e'], ['event' => 'e']]);
    $queue->transaction(fn () => $queue->publish('e'));
    WebSocketServer::queueEvent(getenv('QUEUE') . '/other', 'e', 1);
    var_dump(file_exists(getenv('QUEUE') . "/$uid.json"));
    PHP;
$run = function (string $label) use ($directory, $script) {
    echo "$label:", str_replace($directory, 'DIRECTORY', run_php('-d html_errors=0 -d fastapi_websocket.queue=journal -r ' . escapeshellarg($script), "QUEUE=$directory"));
    echo count(glob("$directory/*.json")), ' and ', count(glob("$directory/*.events")), ' files, ', count(glob("$directory/journal/*")), " segments\n";
    array_map('unlink', event_files($directory));
};
$run('no directory');
journal_queue($directory, '"directory"');
$run('older broadcaster');
unlink("$directory/.reader");
$run('no broadcaster');
journal_queue($directory);
rmdir("$directory/journal");
$run('no folder');
file_put_contents("$directory/.reader", '{');
mkdir("$directory/journal");
$run('damaged');
?>
--EXPECTF--
no directory:%A
Warning: FASTAPI\WebSocket\WebSocketServer::queueEvent(): fastapi_websocket.queue = journal has no effect on the queue DIRECTORY: no broadcaster that reads the journal has this queue; events become files, which takes longer: start a fastapi-broadcaster of this version on that queue, or update the one there, or set fastapi_websocket.queue = directory (this is said once in a process) in Command line code on line 4
bool(true)
bool(true)
2 and 3 files, 0 segments
older broadcaster:%A
Warning: %s
bool(true)
bool(true)
2 and 3 files, 0 segments
no broadcaster:%A
Warning: %s
bool(true)
bool(true)
2 and 3 files, 0 segments
no folder:%A
Warning: %s
bool(true)
bool(true)
2 and 3 files, 0 segments
damaged:%A
Warning: %s
bool(true)
bool(true)
2 and 3 files, 0 segments
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
