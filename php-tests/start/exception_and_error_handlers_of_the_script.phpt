--TEST--
set_exception_handler() gets what a handler throws; an error handler that throws does no harm
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    set_error_handler(function ($level, $message) { throw new ErrorException($message); });
    $server->on('/throw', function ($connection) { throw new Exception('first'); });
    $server->on('/warn', function ($connection) { echo $undefined; });
    $server->on('/handle', function ($connection) {
        set_exception_handler(function ($exception) {
            echo 'handled: ', $exception->getMessage(), "\n";
            if ($exception->getMessage() === 'nested') {
                throw new Exception('thrown by the handler');
            }
            if ($exception->getMessage() === 'exit') {
                exit(7);
            }
        });
    });
    $server->on('/nested', function () { throw new Exception('nested'); });
    $server->on('/exit', function () { throw new Exception('exit'); });
    PHP);
foreach (['/throw', '/warn', '/handle', '/throw', '/warn', '/nested', '/throw'] as $target) {
    $server->connect($target)->close();
}
echo $server->connect('/exit')->readClose(), "\n";
echo preg_replace('/Stack trace:.*?  thrown in/s', '  thrown in', $server->wait());
?>
--EXPECTF--
1001 server is shutting down

Warning: Uncaught Exception: first in SCRIPT:%d
  thrown in SCRIPT on line %d

Warning: Uncaught ErrorException: Undefined variable $undefined in SCRIPT:%d
  thrown in SCRIPT on line %d
handled: first
handled: Undefined variable $undefined
handled: nested

Warning: Uncaught Exception: thrown by the handler in SCRIPT:%d
  thrown in SCRIPT on line %d
handled: first
handled: exit
exit code 7
