--TEST--
A transaction that is open when its object or the script ends is rolled back with a warning, whatever ends it
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
mkdir($directory);
$run = function (string $label, string $code) use ($directory) {
    file_put_contents("$directory.script.php", '<?php $queue = new FASTAPI\WebSocket\EventQueue(' . var_export($directory, true) . "); $code");
    $printed = run_php('-d display_errors=1 -d html_errors=0 -d log_errors=0 ' . escapeshellarg("$directory.script.php"));
    // PHP 8.4 says this of E_USER_ERROR.
    $printed = preg_replace('/^Deprecated: Passing E_USER_ERROR .*\n\n?/m', '', $printed);
    $printed = preg_replace(['/ in \S+\.script\.php/', '/ of \d+ bytes exhausted.*/'], '', $printed);
    // Out of memory, some versions of PHP jump out of everything that runs, and others unwind it.
    $printed = preg_replace('/(Allowed memory[^=]*EventQueue: ).*rolled back.*/', '$1...', $printed);
    // Those that jump warn at the end of the request, after its shutdown functions.
    $printed = preg_replace('/(Allowed memory size\n)(shut down published)(\nWarning: \S+EventQueue: \.\.\.)/', "$1$3\n$2", $printed);
    echo "== $label\n", trim(preg_replace('/#\d .*|Stack trace:|\n\s*thrown/', '', $printed)), "\n", entries($directory) ? "SOMETHING WAS QUEUED\n" : '';
};
$open = '$queue->begin(); $queue->publish("e"); $queue->publish("e", channel: "c");';
$run('empty', '$queue->begin();');
$run('one event', '$queue->begin(); $queue->publish("e");');
$run('unset', "$open\n unset(\$queue); echo 'goes on';");
$run('replaced', "$open\n \$queue = null; echo 'goes on';");
$run('end of the script', "$open echo 'end';");
$run('kept by a static', "class A { static \$kept; } $open A::\$kept = \$queue; unset(\$queue); echo 'end';");
$run('in a cycle', "$open \$a = new stdClass; \$a->a = \$a; \$a->queue = \$queue; unset(\$queue, \$a); gc_collect_cycles(); echo 'collected';");
$run('exit', "$open exit('exit');");
$run('exit in transaction()', '$queue->transaction(function () use ($queue) { $queue->publish("e"); exit("exit"); });');
$run('exception', 'function f($queue) { $queue->begin(); $queue->publish("e"); throw new DomainException("thrown"); }
    $queue = null; try { f(new FASTAPI\WebSocket\EventQueue("/nowhere")); } catch (DomainException $e) { $m = $e->getMessage(); unset($e); echo "caught $m"; }');
$run('while an exception unwinds', 'function f() { $own = new FASTAPI\WebSocket\EventQueue("/nowhere"); $own->begin(); $own->publish("e");
    throw new DomainException("thrown"); } try { f(); } catch (DomainException $e) { echo "caught ", $e->getMessage(), " ", json_encode($e->getPrevious()); }');
$run('uncaught exception', "$open throw new DomainException('thrown');");
$run('error handler', 'set_error_handler(function ($level, $text, $file, $line) { echo "[handler $level line $line: $text]\n"; return true; });' . "\n$open unset(\$queue); echo 'goes on';");
$run('error handler that throws', 'set_error_handler(fn ($level, $text) => throw new ErrorException("from the handler"));'
    . "$open try { unset(\$queue); } catch (ErrorException \$e) { echo 'caught ', \$e->getMessage(); }");
$run('error handler that throws while an exception unwinds', 'set_error_handler(fn ($level, $text) => throw new ErrorException("from the handler"));
    function f() { $own = new FASTAPI\WebSocket\EventQueue("/nowhere"); $own->begin(); throw new DomainException("thrown"); }
    try { f(); } catch (Exception $e) { echo "caught ", $e->getMessage(); }');
$run('fatal error', "$open ini_set('memory_limit', '8M'); str_repeat('x', 100 << 20);");
$run('fatal error in transaction()', 'ini_set("memory_limit", "8M"); set_error_handler(fn () => print("called"));
    register_shutdown_function(function () use ($queue) { echo "shut down ", $queue->publish("e") ? "published" : ""; array_map("unlink", glob(' . var_export("$directory/*", true) . '));  });
    $queue->transaction(function () use ($queue) { $queue->publish("e"); str_repeat("x", 100 << 20); });');
$run('fatal error that jumps', 'register_shutdown_function(function () use ($queue) { echo "shut down ", $queue->publish("e") ? "published" : ""; array_map("unlink", glob(' . var_export("$directory/*", true) . '));  });
    $queue->transaction(function () use ($queue) { $queue->publish("e"); trigger_error("fatal", E_USER_ERROR); });');
$run('fatal error that jumps, outside', "$open trigger_error('fatal', E_USER_ERROR);");
$run('committed', "$open \$queue->rollback(); echo 'no warning';");
$run('turned off', "error_reporting(0); $open unset(\$queue); echo 'no warning';");
unlink("$directory.script.php");
?>
--EXPECT--
== empty
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 0 events were not queued in Unknown on line 0
== one event
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 1 event was not queued in Unknown on line 0
== unset
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued on line 2
goes on
== replaced
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued on line 2
goes on
== end of the script
end
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued in Unknown on line 0
== kept by a static
end
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued in Unknown on line 0
== in a cycle
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued on line 1
collected
== exit
exit
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued in Unknown on line 0
== exit in transaction()
exit
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when the script ended, it is rolled back: 1 event was not queued on line 1
== exception
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 1 event was not queued on line 2
caught thrown
== while an exception unwinds
Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 1 event was not queued on line 2
caught thrown null
== uncaught exception
Fatal error: Uncaught DomainException: thrown:1

 on line 1

Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued in Unknown on line 0
== error handler
[handler 2 line 2: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 2 events were not queued]
goes on
== error handler that throws
caught from the handler
== error handler that throws while an exception unwinds
caught thrown
== fatal error
Fatal error: Allowed memory size

Warning: FASTAPI\WebSocket\EventQueue: ...
== fatal error in transaction()
Fatal error: Allowed memory size

Warning: FASTAPI\WebSocket\EventQueue: ...
shut down published
== fatal error that jumps
Fatal error: fatal on line 2
shut down published
Warning: FASTAPI\WebSocket\EventQueue: a transaction was still open when the request ended, it is rolled back: its events were not queued in Unknown on line 0
== fatal error that jumps, outside
Fatal error: fatal on line 1

Warning: FASTAPI\WebSocket\EventQueue: a transaction was still open when the request ended, it is rolled back: its events were not queued in Unknown on line 0
== committed
no warning
== turned off
no warning
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
