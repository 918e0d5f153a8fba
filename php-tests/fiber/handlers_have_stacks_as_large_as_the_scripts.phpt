--TEST--
A handler has as much stack as a script has: 60,000 linked objects are freed in it; a fiber.stack_size that the user has set stays
--EXTENSIONS--
fastapi_websocket
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    class Node { public $next; }
    function free(int $count): string
    {
        $head = null;
        for ($i = 0; $i < $count; $i++) {
            $node = new Node;
            $node->next = $head;
            $head = $node;
        }
        unset($node);
        $head = null;
        return "$count freed";
    }
    $server->on('/free', function ($connection) { $connection->send(free(60_000)); });
    $server->on('/fiber', function ($connection) {
        $fiber = new Fiber(fn () => $connection->send(free(60_000) . ' in a Fiber'));
        $fiber->start();
    });
    $server->on('/setting', fn ($connection) => $connection->send(var_export(ini_get('fiber.stack_size'), true)));
    PHP;
$server = new ServerProcess($code, 'var_dump(ini_get("fiber.stack_size"));');
foreach (['/free', '/fiber', '/setting'] as $target) {
    echo $server->connect($target)->read(), "\n";
}
echo $server->stop();
// Set in php.ini, by the script, by a handler; and where the system counts address space.
foreach ([['', '-d fiber.stack_size=1M'], ["ini_set('fiber.stack_size', '3M');", ''], ['posix_setrlimit(POSIX_RLIMIT_AS, 8 << 30, 8 << 30);', '']] as [$first, $arguments]) {
    $server = new ServerProcess($first . $code, 'var_dump(ini_get("fiber.stack_size"));', $arguments);
    echo $server->connect('/setting')->read(), "\n";
    echo $server->stop();
}
?>
--EXPECT--
60000 freed
60000 freed in a Fiber
'8M'
string(0) ""
'1M'
string(2) "1M"
'3M'
string(2) "3M"
''
string(0) ""
