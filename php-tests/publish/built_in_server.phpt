--TEST--
In php -S, whose requests run one after another in one process, each request publishes, and its transaction ends with it
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';

$directory = queue_directory(__FILE__);
mkdir($directory);
$script = __DIR__ . '/../../e2e/php/publish_in_requests.php';
$php = escapeshellarg(getenv('TEST_PHP_EXECUTABLE')) . ' ' . getenv('TEST_PHP_EXTRA_ARGS') . ' -d display_errors=1 -d html_errors=0 -d log_errors=0';
$server = proc_open("exec $php -S 127.0.0.1:0 " . escapeshellarg($script), [2 => ['pipe', 'w']], $pipes, null, ['ORDERS_FILE' => "$directory/orders.json"] + getenv());
while (($line = fgets($pipes[2])) !== false && !preg_match('~Development Server \((http://[^)]+)\)~', $line, $match));
$address = $match[1] ?? exit("it did not start\n");
$processes = [];
foreach (['commit', 'open', 'exit', 'fatal', 'commit', 'fatal', 'open'] as $end) {
    $text = file_get_contents("$address/?end=$end", false, stream_context_create(['http' => ['ignore_errors' => true]]));
    [$process, $rest] = explode(' ', $text, 2);
    $processes[$process] = true;
    echo "$end: ", strtok($rest, "\n"), str_contains($text, 'it is rolled back') ? ', rolled back' : '', str_contains($text, 'Allowed memory size') ? ', fatal error' : '', "\n";
}
echo count($processes), " process\n";
proc_terminate($server);
proc_close($server);
?>
--EXPECT--
commit: 5 uids, 5 events
open: 5 uids, 5 events, rolled back
exit: 5 uids, 5 events, rolled back
fatal: 5 uids, 5 events, rolled back, fatal error
commit: 5 uids, 5 events
fatal: 5 uids, 5 events, rolled back, fatal error
open: 5 uids, 5 events, rolled back
1 process
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
