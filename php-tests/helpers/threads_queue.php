<?php
// Queues events in several threads, each with requests of its own; run by php-tests/threads.
//
//   php threads_queue.php DIRECTORY

$directory = $argv[1];
for ($thread = 0; $thread < 8; $thread++) {
    mkdir("$directory/$thread", 0700, true);
}
in_threads('$directory = ' . var_export($directory, true) . ';' . <<<'PHP'
    use FASTAPI\WebSocket\WebSocketServer;

    $check = fn ($holds, $what) => $holds || print "thread $thread, request $request: $what: " . WebSocketServer::lastError() . "\n";
    $check(WebSocketServer::lastError() === null, 'the error of another request');
    $check(ini_get('fastapi_websocket.max_event_bytes') === '1048576', 'the setting of another request');
    chdir("$directory/$thread");
    ini_set('fastapi_websocket.max_event_bytes', 1000 + $thread);
    for ($i = 0; $i < 25; $i++) {
        $check(WebSocketServer::queueEvent("$directory/all", 'e', [$thread, $request, $i]), 'refused');
        $check(WebSocketServer::queueEvent('own', 'e', $i), 'refused');
        $check(!WebSocketServer::queueEvent('own', 'e', str_repeat('x', 2000)), 'not refused');
        $check(str_contains(WebSocketServer::lastError(), (string) (1000 + $thread)), 'the limit of another thread');
        json_encode("\xff");
        WebSocketServer::queueEvent('own', 'e', NAN);
        $check(json_last_error() === JSON_ERROR_UTF8, 'the error of json_encode() was changed');
    }
    WebSocketServer::queueEvent('', 'e');
    $queue = new FASTAPI\WebSocket\EventQueue("$directory/lines");
    $uids = [$queue->publish('e', $thread, "c.$thread"), ...$queue->publishAll([['event' => 'e', 'key' => 'k'], ['event' => 'e']])];
    $uids[] = $queue->transaction(fn () => $queue->publish('e', $thread));
    $check(count(array_unique($uids)) === 4, 'uids of another thread');
    try {
        $queue->publish('e', str_repeat('x', 2000), 'c');
        $check(false, 'not refused by EventQueue');
    } catch (FASTAPI\WebSocket\QueueException $exception) {
        $check(str_contains($exception->getMessage(), (string) (1000 + $thread)), 'the limit of another thread');
    }
    try {
        FASTAPI\WebSocket\AccessToken::create('short');
    } catch (ValueError $error) {
        $check(str_contains($error->getMessage(), '5 given'), 'another error');
    }
    // Left open: the end of the request rolls it back.
    set_error_handler(fn () => true);
    $queue->begin();
    $queue->publish('lost');
    PHP, 8, 2);
// Once more in new threads.
in_threads('$directory = ' . var_export($directory, true) . ';' . <<<'PHP'
    for ($i = 0; $i < 350; $i++) {
        FASTAPI\WebSocket\WebSocketServer::queueEvent("$directory/all", 'e', [$thread, 2 + $request, $i]);
        FASTAPI\WebSocket\WebSocketServer::queueEvent("$directory/$thread/own", 'e', $i);
    }
    PHP, 8, 1);
$payloads = array_map(fn ($entry) => json_encode(json_decode(file_get_contents($entry))->payload), glob("$directory/all/*.json"));
$own = array_map(fn ($thread) => count(glob("$directory/$thread/own/*.json")), range(0, 7));
$lines = array_merge(...array_map('file', glob("$directory/lines/*.events")));
$uids = array_unique(array_map(fn ($line) => json_decode($line)->uid, $lines));
if (count($lines) !== 64 || count($uids) !== 64) {
    echo count($lines), ' lines, ', count($uids), " different uids\n";
}
echo count($payloads), ' events, ', count(array_unique($payloads)), ' different; in directories of their own: ', implode(' ', $own), "\n";
