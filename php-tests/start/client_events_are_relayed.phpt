--TEST--
An event that a client sends without a running handler is broadcast; other messages are ignored
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    $server->on('/brief', function ($connection) { $connection->send('brief'); });
    $server->on('/late', function ($connection) {
        $connection->send('waiting');
        usleep(50000);
    });
    $server->on('/loop', function ($connection) {
        while (($message = $connection->read()) !== null) {
            $connection->send("read $message");
        }
    });
    PHP;
$without_time = fn ($message) => preg_replace('/"timestamp":\d{10}\}$/', '"timestamp":TIME}', $message);
$server = new ServerProcess($code);
$listener = $server->connect('/nobody');
$brief = $server->connect('/brief');
$loop = $server->connect('/loop');
$late = $server->connect('/late');
echo $brief->read(), ', ', $late->read(), "\n";
foreach (['{"event":"a\/b","payload":{"x":1.0}}', '{"event":"no payload"}', '{"payload":1}', '[]', 'text', '{"event":null}', '{"more":1,"event":5}'] as $message) {
    $brief->send($message);
}
$loop->send('{"event":"mine"}');
// It also receives what was relayed before.
while (!str_starts_with($message = $loop->read(), 'read '));
echo $message, "\n";
for ($i = 0; $i < 3; $i++) {
    echo $without_time($listener->read()), "\n";
}
// Messages that the handler has not read are relayed when it returns.
$late->send('{"event":"unread"}');
echo $without_time($listener->read()), "\n";
echo $server->stop();

$server = new ServerProcess($code, '', '-d fastapi_websocket.client_relay=off');
$listener = $server->connect('/loop');
$brief = $server->connect('/brief');
echo $brief->read(), "\n";
$brief->send('{"event":"refused"}');
$brief->close();
$listener->send('nothing came');
echo $listener->read(), "\n";
echo $server->stop();
?>
--EXPECT--
brief, waiting
read {"event":"mine"}
{"event":"a\/b","payload":{"x":1.0},"timestamp":TIME}
{"event":"no payload","payload":null,"timestamp":TIME}
{"event":5,"payload":null,"timestamp":TIME}
{"event":"unread","payload":null,"timestamp":TIME}
brief
read nothing came
