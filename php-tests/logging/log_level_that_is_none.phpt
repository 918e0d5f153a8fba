--TEST--
A RUST_LOG that names no level is told in the log, with the levels that there are
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
$log = queue_directory(__FILE__) . '.log';
foreach (['warning', ' Warn ', ''] as $level) {
    $server = new ServerProcess('', '', '', true, 'export RUST_LOG=' . escapeshellarg($level) . '; exec 2>' . escapeshellarg($log) . ';');
    $server->stop();
    echo preg_replace('/^\S+ +/m', '', file_get_contents($log)), "-\n";
}
?>
--EXPECT--
WARN RUST_LOG="warning" is no level, so warn is used: write off, error, warn, info, debug or trace
-
-
-
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
@unlink(queue_directory(__FILE__) . '.log');
?>
