--TEST--
Buffers that a handler leaves open are sent when it ends, as at the end of a script; those of an unwound handler are not
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    $server->on('/open', function ($connection) {
        ob_start(fn ($text, $phase) => '[' . $text . ($phase & PHP_OUTPUT_HANDLER_FINAL ? ' final' : '') . "]\n");
        ob_start();
        echo 'open of ', $connection->read();
    });
    $server->on('/throw', function ($connection) {
        ob_start(fn ($text) => "{" . trim(strtok($text, "\n") . strtok("\n")) . "}\n");
        echo 'before, ';
        $connection->read();
        throw new Exception('thrown through the buffer');
    });
    $server->on('/callback', function ($connection) {
        ob_start(function ($text) { throw new Exception("thrown by the callback of $text"); });
        echo 'text';
        $connection->read();
    });
    $server->on('/waits_at_the_end', function ($connection) {
        ob_start(function ($text) { usleep(1000); return "$text waited\n"; });
        echo 'text';
        $connection->read();
    });
    $server->on('/wait', function ($connection) {
        ob_start(function ($text) { return "callback of $text\n"; });
        echo 'unfinished';
        $connection->send('waiting');
        try {
            while (true) sleep(100);
        } finally {
            echo ', finally';
            fwrite(STDOUT, ob_get_contents() . ' at level ' . ob_get_level() . "\n");
        }
    });
    $server->on('/exit', function ($connection) {
        register_shutdown_function(function () { echo 'shutdown function, '; });
        ob_start(fn ($text) => "<$text>\n");
        echo 'page, ';
        $connection->read();
        exit(3);
    });
    function redeclared() {}
    $server->on('/fatal', function ($connection) {
        register_shutdown_function(function () { echo 'shutdown function'; });
        ob_start(fn ($text) => '<' . strtr($text, "\n", ' ') . ">\n");
        echo 'page, ';
        $connection->read();
        eval('function redeclared() {}');
    });
    $server->on('/memory', function ($connection) {
        ob_start();
        echo 'page, ';
        $connection->read();
        str_repeat('x', 1_000_000_000);
    });
    $server->on('/fatal_in_a_callback', function ($connection) {
        ob_start();
        ob_start(function ($text) { eval('function redeclared() {}'); });
        echo 'page, ';
        $connection->read();
        ob_end_flush();
    });
    $server->on('/fatal_at_the_end', function ($connection) {
        ob_start(function ($text) { eval('function redeclared() {}'); });
        echo 'page, ';
        $connection->read();
    });
    $server->on('/exit_at_the_end', function ($connection) {
        ob_start();
        echo 'outer, ';
        ob_start(function ($text) { exit(4); });
        echo 'inner, ';
        $connection->read();
    });
    $server->on('/lock', function ($connection) {
        ob_start(function ($text) { ob_start(); return $text; });
        echo 'page, ';
        $connection->read();
    });
    // The script's own buffer gets all output, and is closed last.
    ob_start(function ($text, $phase) {
        $text = preg_replace('/^(?!WebSocket|$)/m', '| ', $text);
        return $text . ($phase & PHP_OUTPUT_HANDLER_FINAL ? "end of the script's buffer\n" : '');
    }, 1);
    PHP;
function run(string $code, array $targets, bool $stops = false): void
{
    $server = new ServerProcess($code, 'echo "after start\n";');
    foreach ($targets as $target) {
        $client = $server->connect($target);
        if ($target === '/wait') {
            $client->read();
            continue;
        }
        $client->send('a client');
        // The answer to the close frame comes after the handler's turn.
        preg_match('/exit|fatal|memory|lock/', $target) ? $client->readClose() : $client->close();
    }
    $printed = preg_replace('/Stack trace:.*?  thrown in/s', '  thrown in', $stops ? $server->stop() : $server->wait());
    // Out of memory, some versions of PHP forget the script's buffer as well, and others send it.
    echo preg_replace("/^(?:\| )?(Fatal error: Allowed memory.*\n)(?:end of the script's buffer\n)?/m", '$1', $printed), "----\n";
}
run($code, ['/open', '/throw', '/callback', '/waits_at_the_end', '/open', '/wait'], true);
foreach (['/exit', '/fatal', '/memory', '/fatal_in_a_callback', '/fatal_at_the_end', '/exit_at_the_end', '/lock'] as $target) {
    echo "$target: ";
    run($code, ['/wait', $target]);
}
?>
--EXPECTF--
| [open of a client final]
| {before, Warning: Uncaught Exception: thrown through the buffer in SCRIPT:%d}
| text
| Warning: Uncaught Exception: thrown by the callback of text in SCRIPT:%d
|   thrown in SCRIPT on line %d
| text waited
| [open of a client final]
unfinished, finally at level 1
| after start
end of the script's buffer
----
/exit: unfinished, finally at level 1
| <page, shutdown function, >
end of the script's buffer
exit code 3
----
/fatal: | <page,  Fatal error: Cannot redeclare %Sredeclared() (previously declared in SCRIPT:%d) in SCRIPT(%d) : eval()'d code on line 1 shutdown function>
end of the script's buffer
exit code 255
----
/memory: 
Fatal error: Allowed memory size of %d bytes exhausted (tried to allocate %d bytes) in SCRIPT on line %d
exit code 255
----
/fatal_in_a_callback: | page, 
| Fatal error: Cannot redeclare %Sredeclared() (previously declared in SCRIPT:%d) in SCRIPT(%d) : eval()'d code on line 1
end of the script's buffer
exit code 255
----
/fatal_at_the_end: | page, 
| Fatal error: Cannot redeclare %Sredeclared() (previously declared in SCRIPT:%d) in SCRIPT(%d) : eval()'d code on line 1
end of the script's buffer
exit code 255
----
/exit_at_the_end: | outer, inner, unfinished, finally at level 1
end of the script's buffer
exit code 4
----
/lock: end of the script's buffer

Fatal error: ob_start(): Cannot use output buffering in output buffering display handlers in SCRIPT on line %d
exit code 255
----
