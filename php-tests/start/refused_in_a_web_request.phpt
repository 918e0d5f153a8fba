--TEST--
start() in a web request throws, and the message names what to use instead
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
$script = tempnam(sys_get_temp_dir(), 'fastapi-websocket-web-');
file_put_contents($script, <<<'PHP'
    <?php
    try {
        FASTAPI\WebSocket\WebSocketServer::getInstance()->on('/', 'strlen')->port(0)->start();
    } catch (Exception $exception) {
        echo $exception->getMessage();
    }
    PHP);
$socket = stream_socket_server('tcp://127.0.0.1:0');
$address = stream_socket_get_name($socket, false);
fclose($socket);
$php = getenv('TEST_PHP_EXECUTABLE') ?: PHP_BINARY;
$command = 'exec ' . escapeshellarg($php) . ' ' . getenv('TEST_PHP_EXTRA_ARGS') . " -S $address " . escapeshellarg($script);
$process = proc_open($command, [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']], $pipes);
$deadline = microtime(true) + 10;
// Twice: the second request must find nothing of the first.
for ($i = 0; $i < 2; $i++) {
    while (($answer = @file_get_contents("http://$address/")) === false && microtime(true) < $deadline) {
        usleep(10000);
    }
    var_dump($answer);
}
proc_terminate($process);
proc_close($process);
unlink($script);
?>
--EXPECT--
string(148) "WebSocketServer::start() runs until it is stopped and works only in a script of the command line; in a web request use WebSocketServer::queueEvent()"
string(148) "WebSocketServer::start() runs until it is stopped and works only in a script of the command line; in a web request use WebSocketServer::queueEvent()"
