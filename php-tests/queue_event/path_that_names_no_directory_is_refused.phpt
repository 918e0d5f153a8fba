--TEST--
A path that cannot name a directory: false and a reason, no warning, no exception
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$paths = [
    'empty' => '', 'only backslashes' => '\\\\', 'NUL' => "/tmp/a\0b", 'NUL at the end' => "/tmp/a\0", 'null' => null, 'false' => false,
    'array' => ['/tmp'], 'object' => new stdClass, 'closure' => fn () => '/tmp', 'resource' => STDIN,
    'too long' => '/tmp/' . str_repeat('x', 5000),
];
foreach ($paths as $label => $path) {
    print_refusal($label, $path, 'e');
}
print_refusal('name too long', "$directory/" . str_repeat('x', 300), 'e', directory: $directory);
var_dump(is_dir("$directory/" . str_repeat('x', 300)));
?>
--EXPECTF--
empty: false, the queue path is empty
only backslashes: false, the queue path is empty
NUL: false, the queue path contains a NUL byte
NUL at the end: false, the queue path contains a NUL byte
null: false, the queue path is empty
false: false, the queue path is empty
array: false, the queue path must be a string, got array
object: false, the queue path must be a string, got stdClass
closure: false, the queue path must be a string, got Closure
resource: false, the queue path must be a string, got resource
too long: false, the queue path is longer than 4095 bytes
name too long: false, cannot %s DIRECTORY/%s: File name too long (os error 36)
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
