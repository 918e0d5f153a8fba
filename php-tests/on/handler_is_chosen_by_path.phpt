--TEST--
A handler is chosen by the request target as sent, else without its query; a later one replaces the first
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    class Greeter
    {
        public function greet($connection) { $connection->send('method ' . $connection->getPath()); }
        public static function welcome($connection) { $connection->send('static ' . $connection->getPath()); }
        public function __invoke($connection, ...$more) { $connection->send('invoked ' . $connection->getPath() . count($more)); }
    }
    function greet(WebSocketConnection $connection) { $connection->send('function ' . $connection->getPath()); }
    $answer = fn ($text) => fn ($connection) => $connection->send("$text " . $connection->getPath());
    $server->on('/a', $answer('first'))->on('/a', $answer('a'))->on('/a?x=1', $answer('query'))->on('', $answer('empty'));
    $server->on('/method', [new Greeter, 'greet'])->on('/static', ['Greeter', 'welcome'])->on('/static2', 'Greeter::welcome');
    $server->on('/invoke', new Greeter)->on('/function', 'greet')->on('/first', (new Greeter)->greet(...));
    $server->on('/late', function ($connection) use ($server, $answer) {
        $server->on('/added', $answer('added'));
        $connection->send('late');
    });
    PHP);
foreach (['/a', '/a?x=1', '/a?x=2', '/a?', '/method', '/static', '/static2', '/invoke?q', '/function', '/first', '/late', '/added'] as $target) {
    $client = $server->connect($target);
    echo $client->read(), "\n";
    $client->close();
}
// No handler: the client is accepted and receives nothing.
foreach (['/', '/A', '/a/', '/none?/a'] as $target) {
    $server->connect($target)->close();
}
echo $server->stop();
?>
--EXPECT--
a /a
query /a?x=1
a /a?x=2
a /a?
method /method
static /static
static /static2
invoked /invoke?q0
function /function
method /first
late
added /added
