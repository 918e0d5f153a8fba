--TEST--
set_exception_handler() gets what a handler throws; an error handler that throws does no harm
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    set_error_handler(function ($level, $message) { throw new ErrorException($message); });
    $handle = function ($exception) {
        echo 'handled: ', $exception->getMessage(), "\n";
        if ($exception->getMessage() === 'nested') {
            throw new Exception('thrown by the handler');
        }
        if ($exception->getMessage() === 'exit') {
            exit(7);
        }
    };
    $server->on('/throw', function ($connection) { throw new Exception('first'); });
    $server->on('/warn', function ($connection) { echo $undefined; });
    $server->on('/handle', function ($connection) use ($handle) { set_exception_handler($handle); throw new Exception('own'); });
    $server->on('/nested', function () { throw new Exception('nested'); });
    $server->on('/exit', function () { throw new Exception('exit'); });
    PHP;
$server = new ServerProcess($code);
foreach (['/throw', '/warn', '/handle', '/throw'] as $target) {
    $server->connect($target)->close();
}
echo preg_replace('/Stack trace:.*?  thrown in/s', '  thrown in', $server->stop()), "----\n";
$server = new ServerProcess("$code set_exception_handler(\$handle);");
foreach (['/throw', '/warn', '/nested', '/throw'] as $target) {
    $server->connect($target)->close();
}
echo $server->connect('/exit')->readClose(), "\n";
echo preg_replace('/Stack trace:.*?  thrown in/s', '  thrown in', $server->wait());
?>
--EXPECTF--

Warning: Uncaught Exception: first in SCRIPT:%d
  thrown in SCRIPT on line %d

Warning: Uncaught ErrorException: Undefined variable $undefined in SCRIPT:%d
  thrown in SCRIPT on line %d
handled: own

Warning: Uncaught Exception: first in SCRIPT:%d
  thrown in SCRIPT on line %d
----
1001 server is shutting down
handled: first
handled: Undefined variable $undefined
handled: nested

Warning: Uncaught Exception: thrown by the handler in SCRIPT:%d
  thrown in SCRIPT on line %d
handled: first
handled: exit
exit code 7
