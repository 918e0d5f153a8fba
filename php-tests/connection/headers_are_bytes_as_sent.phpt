--TEST--
getHeader() and getHeaders() give the bytes that were sent, in any encoding
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/', function ($connection) {
        foreach (['X-Latin', 'x-utf-8', 'X-ASCII'] as $name) {
            $value = $connection->getHeader($name);
            $same = array_change_key_case($connection->getHeaders())[strtolower($name)] === $value;
            $connection->send(bin2hex($value) . ($same ? '' : ' differs'));
        }
    });
    PHP);
$client = $server->connect('/', ["X-Latin: caf\xe9 \xff", "X-UTF-8: caf\xc3\xa9", 'X-ASCII: cafe']);
for ($i = 0; $i < 3; $i++) {
    echo $client->read(), "\n";
}
echo $server->stop();
?>
--EXPECT--
636166e920ff
636166c3a9
63616665
