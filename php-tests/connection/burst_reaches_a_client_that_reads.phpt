--TEST--
A client that reads gets all of a burst that exceeds max_outbox_bytes, in order, and stays
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/burst', function ($connection) {
        while (($message = $connection->read()) !== null) {
            for ($i = 0, $sent = 0; $i < 4000; $i++) {
                $sent += $connection->send(str_pad("$message $i", 1000));
            }
            echo "$sent sent\n";
        }
    });
    PHP, '', '-d fastapi_websocket.max_outbox_bytes=1M');
$client = $server->connect('/burst');
foreach (['first', 'second'] as $name) {
    $client->send($name);
    $right = 0;
    for ($i = 0; $i < 4000; $i++) {
        $right += $client->read() === str_pad("$name $i", 1000);
    }
    echo "$right received\n";
}
echo $server->stop();
?>
--EXPECT--
4000 received
4000 received
4000 sent
4000 sent
