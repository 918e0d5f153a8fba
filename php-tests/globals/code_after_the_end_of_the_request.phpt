--TEST--
Code that runs after the end of a request may call every method, and leaves no values to the next request
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
$script = escapeshellarg(__DIR__ . '/../../e2e/php/register_late.php');
// PHP's memory manager uses memory again in the next request. Without it, released memory goes back to the system.
$managers = ['', 'USE_ZEND_ALLOC=0 USE_TRACKED_ALLOC=1'];
foreach ($managers as $manager) {
    $printed = run_php("-d log_errors=0 --repeat 5 $script; echo code $?", $manager);
    echo preg_match_all('/^the queue path is empty, \d+$/m', $printed), ' requests, ', strrchr($printed, 'code');
}

// A fatal error ends the server, and another one prevents the extension from releasing the handlers.
$script = queue_directory(__FILE__) . '.script';
file_put_contents($script, <<<'PHP'
    <?php
    use FASTAPI\WebSocket\WebSocketServer;
    class Fatal
    {
        public function __destruct()
        {
            trigger_error('in a destructor', E_USER_ERROR);
        }
    }
    $server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0);
    for ($i = 0; $i < 1000; $i++) {
        $values = array_fill(0, 10, new ArrayObject([$i]));
        $server->on("/$i", fn () => $values);
    }
    $server->on('/fatal', function () {
        trigger_error('in a handler', E_USER_ERROR);
    });
    ob_start(function ($text, $phase) use (&$clients, $server) {
        if (preg_match('~:(\d+)$~', rtrim($text), $match)) {
            foreach (['/none', '/fatal'] as $path) {
                $clients[] = $client = stream_socket_client("tcp://127.0.0.1:$match[1]");
                fwrite($client, "GET $path HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
                while (!str_contains(fread($client, 1024), "\r\n\r\n") && $path === '/none');
            }
        }
        if ($phase & PHP_OUTPUT_HANDLER_FINAL) {
            // PHP has called the destructors; this one is called when the extension releases the connection.
            foreach ($server->getConnections() as $connection) {
                @$connection->late = new Fatal;
            }
        }
        return $text;
    }, 1);
    $server->start();
    PHP);
foreach ($managers as $manager) {
    $printed = run_php('-d log_errors=0 -d display_errors=1 --repeat 5 ' . escapeshellarg($script) . '; echo code $?', $manager);
    echo substr_count($printed, 'in a handler'), ' in a handler, ', substr_count($printed, 'in a destructor'), ' in a destructor, ',
        strrchr($printed, 'code');
}
?>
--EXPECT--
5 requests, code 0
5 requests, code 0
5 in a handler, 5 in a destructor, code 255
5 in a handler, 5 in a destructor, code 255
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__) . '.script');
?>
