--TEST--
A fatal error, the memory limit and the time limit end the script and all threads, as outside of handlers
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
// PHP 8.4 calls E_USER_ERROR deprecated: @ silences that, and not the error.
foreach ([
    '@trigger_error("fatal", E_USER_ERROR);',
    '$text = str_repeat("x", 1 << 20); while (true) $all[] = $text . count($all ?? []);',
    'set_time_limit(1); while (true);',
    '(new Fiber(function () use ($connection) { usleep(1000); $connection->read(); @trigger_error("nested", E_USER_ERROR); }))->start();',
    '(function () { $f = new Fiber(function () { $c = fn () => eval("class A { function f(); }"); $c(); }); $f->start(); })();',
] as $code) {
    $server = new ServerProcess(<<<PHP
        register_shutdown_function(function () use (\$server) { echo "shutdown function\\n"; });
        \$server->on('/wait', function (\$connection) { \$connection->send('waiting'); \$connection->read(); echo "must not be reached\\n"; });
        \$server->on('/sleep', function (\$connection) { \$connection->send('sleeping'); sleep(100); echo "must not be reached\\n"; });
        \$server->on('/', function (\$connection) { \$connection->read(); $code });
        PHP, '', '-d memory_limit=32M');
    $waiting = $server->connect('/wait');
    $sleeping = $server->connect('/sleep');
    echo $waiting->read(), ' ', $sleeping->read(), "\n";
    $client = $server->connect('/');
    $client->send('go');
    $client->send('on');
    echo $client->readClose(), ', ', $waiting->readClose(), ', ', $sleeping->readClose(), "\n";
    echo $server->wait(), "\n";
}
?>
--EXPECTF--
waiting sleeping
1001 server is shutting down, 1001 server is shutting down, 1001 server is shutting down

Fatal error: fatal in SCRIPT on line %d
shutdown function
exit code 255

waiting sleeping
1001 server is shutting down, 1001 server is shutting down, 1001 server is shutting down

Fatal error: Allowed memory size of 33554432 bytes exhausted%S (tried to allocate %d bytes) in SCRIPT on line %d
shutdown function
exit code 255

waiting sleeping
1001 server is shutting down, 1001 server is shutting down, 1001 server is shutting down

Fatal error: Maximum execution time of 1 second exceeded in SCRIPT on line %d
shutdown function
exit code 255

waiting sleeping
1001 server is shutting down, 1001 server is shutting down, 1001 server is shutting down

Fatal error: nested in SCRIPT on line %d
shutdown function
exit code 255

waiting sleeping
1001 server is shutting down, 1001 server is shutting down, 1001 server is shutting down

Fatal error: Non-abstract method A::f() must contain body in SCRIPT(%d) : eval()'d code on line %d
shutdown function
exit code 255
