--TEST--
read() returns text, binary and fragmented messages of any size in their order; pings stay between the server and the client
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/', function ($connection) {
        while (($message = $connection->read()) !== null) {
            $connection->send(($connection->isBinary() ? 'binary' : 'text') . ' ' . strlen($message) . ' ' . md5($message));
        }
        echo 'ended, binary: ', var_export($connection->isBinary(), true), "\n";
    });
    PHP, '', '-d fastapi_websocket.max_message_bytes=2M');
$client = $server->connect('/');
$messages = [['text', 'short'], ['text', ''], ['binary', "\xff\0"], ['text', str_repeat('é', 1000)], ['binary', random_bytes(70000)], ['text', str_repeat('x', 1 << 20)]];
foreach ($messages as [$kind, $message]) {
    $client->frame($message, $kind);
}
foreach ($messages as [$kind, $message]) {
    echo $client->read() === "$kind " . strlen($message) . ' ' . md5($message) ? 'same' : 'different', "\n";
}
$client->frame('frag', 'text', false);
$client->frame('ping', 'ping');
$client->frame('men', 'continuation', false);
$client->frame('ted', 'continuation');
echo implode(' ', $client->receive()), "\n";
echo $client->read() === 'text 10 ' . md5('fragmented') ? 'same' : 'different', "\n";
$client->frame("\xff", 'text');
echo $client->readClose(), "\n";
$server->waitFor('ended');
$client = $server->connect('/');
$client->frame(str_repeat('x', (2 << 20) + 1));
echo $client->readClose(), "\n";
echo $server->stop();
?>
--EXPECT--
same
same
same
same
same
same
pong ping
same
1007 text is not valid UTF-8
1009 message too large
ended, binary: false
ended, binary: false
