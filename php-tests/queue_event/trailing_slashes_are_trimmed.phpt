--TEST--
Trailing slashes and backslashes are trimmed as eventQueue() does; the root stays the root
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
foreach (['/', '//', '\\', '/\\/\\'] as $end) {
    var_dump(WebSocketServer::queueEvent($directory . $end, 'e', $end));
    echo payload_bytes(take_entry($directory)), "\n";
}

// Writing into / is refused here: the reason shows which directory was meant.
ini_set('open_basedir', $directory);
foreach (['/', '///', '/\\'] as $root) {
    print_refusal($root, $root, 'e');
}
?>
--EXPECT--
bool(true)
"\/"
bool(true)
"\/\/"
bool(true)
"\\"
bool(true)
"\/\\\/\\"
/: false, the queue path / is outside of open_basedir
///: false, the queue path / is outside of open_basedir
/\: false, the queue path / is outside of open_basedir
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
