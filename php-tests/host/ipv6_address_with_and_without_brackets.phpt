--TEST--
host() takes an IPv6 address with and without brackets; what start() prints is a valid URL
--EXTENSIONS--
fastapi_websocket
--SKIPIF--
<?php
if (!@stream_socket_server('tcp://[::1]:0')) die('skip this machine cannot: it has no IPv6');
?>
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
foreach (['::1', '[::1]', '0:0:0:0:0:0:0:1', 'localhost', '[localhost]', '::1]'] as $host) {
    $server = new ServerProcess(<<<PHP
        \$server->host('$host');
        \$server->on('/', fn (\$connection) => \$connection->send('hello'));
        try {
        PHP, '} catch (Exception $exception) { echo get_class($exception), ": ", $exception->getMessage(), "\n"; }', '', false);
    try {
        $server->waitFor("\n");
        if (preg_match('~started on (ws://\S+)~', $server->output(), $match)) {
            $url = parse_url($match[1]);
            $server->address = "$url[host]:$url[port]";
            echo "$host: $url[host], ", $server->connect('/')->read(), "\n";
            $server->stop();
        } else {
            echo "$host: ", $server->wait();
        }
    } catch (Exception $exception) {
        echo get_class($exception), ' ', $exception->getMessage();
    }
}
?>
--EXPECT--
::1: [::1], hello
[::1]: [::1], hello
0:0:0:0:0:0:0:1: [0:0:0:0:0:0:0:1], hello
localhost: localhost, hello
[localhost]: Exception: Failed to bind WebSocket to [localhost]:0
::1]: Exception: Failed to bind WebSocket to ::1]:0
