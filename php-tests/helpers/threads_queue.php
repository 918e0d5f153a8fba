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
echo count($payloads), ' events, ', count(array_unique($payloads)), ' different; in directories of their own: ', implode(' ', $own), "\n";
