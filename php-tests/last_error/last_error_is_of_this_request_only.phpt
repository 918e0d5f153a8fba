--TEST--
lastError(): null at first, the reason after a false, null after a success or in the next request
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump(WebSocketServer::lastError());
var_dump(WebSocketServer::queueEvent('', 'e'), WebSocketServer::lastError(), WebSocketServer::lastError());
var_dump(WebSocketServer::queueEvent($directory, 'e', NAN), WebSocketServer::lastError());
var_dump(WebSocketServer::queueEvent($directory, 'e'), WebSocketServer::lastError());

// One PHP process that serves several requests.
file_put_contents("$directory/index.php", <<<'PHP'
    <?php
    use FASTAPI\WebSocket\WebSocketServer;
    echo getmypid(), ' ', var_export(WebSocketServer::lastError(), true), ' ';
    WebSocketServer::queueEvent('', 'e');
    ini_set('fastapi_websocket.fsync', 'full');
    echo WebSocketServer::lastError();
    PHP);
$command = escapeshellarg(getenv('TEST_PHP_EXECUTABLE')) . ' ' . getenv('TEST_PHP_EXTRA_ARGS') . ' -S 127.0.0.1:0 -t ' . escapeshellarg($directory);
$server = proc_open("exec $command", [2 => ['pipe', 'w']], $pipes);
do {
    $line = fgets($pipes[2]);
} while ($line !== false && !preg_match('~http://127\.0\.0\.1:(\d+)~', $line, $match));
$answers = [];
for ($i = 0; $i < 3; $i++) {
    $answers[] = file_get_contents("http://127.0.0.1:$match[1]/");
}
proc_terminate($server);
proc_close($server);
echo count(array_unique($answers)), ' answer: ', preg_replace('/^\d+ /', 'PID ', $answers[2]), "\n";
?>
--EXPECT--
NULL
bool(false)
string(23) "the queue path is empty"
string(23) "the queue path is empty"
bool(false)
string(73) "the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded"
bool(true)
NULL
1 answer: PID NULL the queue path is empty
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
