--TEST--
An entry that is no event is put aside with its reason while start() runs, and a line on standard error says so
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
$directory = queue_directory(__FILE__);
mkdir($directory, 0700);
touch("$directory/1.json", time() - 100);
$server = new ServerProcess('$server->eventQueue(' . var_export($directory, true) . ');');
$server->waitFor('1.json');
echo count(glob("$directory/*.json")), " left, ", count(glob("$directory/failed/*")) > 0 ? 'some' : 'none', " put aside\n";
$output = $server->stop();
echo preg_match('/^\S+ +ERROR .*1\.json/m', $output) ? "logged\n" : $output;
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
0 left, some put aside
logged
