--TEST--
Outside of open_basedir: false and a reason, no warning, nothing created
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir("$directory/allowed", recursive: true);
symlink($directory, "$directory/allowed/link");
ini_set('open_basedir', "$directory/allowed");
var_dump(WebSocketServer::queueEvent("$directory/allowed/queue", 'e'));
print_refusal('outside', "$directory/outside", 'e', directory: $directory);
print_refusal('by dots', "$directory/allowed/../outside", 'e', directory: $directory);
print_refusal('by a link', "$directory/allowed/link/outside", 'e', directory: $directory);
chdir("$directory/allowed");
print_refusal('relative', '../outside', 'e', directory: $directory);

$child = run_php('-r ' . escapeshellarg('var_dump(file_exists($argv[1]));') . ' ' . escapeshellarg("$directory/outside"));
echo trim($child), "\n";
?>
--EXPECT--
bool(true)
outside: false, the queue path DIRECTORY/outside is outside of open_basedir
by dots: false, the queue path DIRECTORY/allowed/../outside is outside of open_basedir
by a link: false, the queue path DIRECTORY/allowed/link/outside is outside of open_basedir
relative: false, the queue path DIRECTORY/outside is outside of open_basedir
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
