--TEST--
A directory that cannot be created, a file in its place, a loop of links: false and a reason
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
touch("$directory/file");
symlink("$directory/loop", "$directory/loop");
symlink("$directory/nowhere/at/all", "$directory/dangling");

print_refusal('not creatable', '/proc/self/queue', 'e');
print_refusal('a device', '/dev/null', 'e');
print_refusal('below a device', '/dev/null/queue', 'e');
print_refusal('a file', "$directory/file", 'e', directory: $directory);
print_refusal('below a file', "$directory/file/queue", 'e', directory: $directory);
print_refusal('a loop', "$directory/loop", 'e', directory: $directory);
print_refusal('below a loop', "$directory/loop/queue", 'e', directory: $directory);
print_refusal('a dangling link', "$directory/dangling", 'e', directory: $directory);
echo implode(' ', array_keys(array_flip(array_diff(scandir($directory), ['.', '..'])))), "\n";
echo filesize("$directory/file"), " bytes in the file\n";
?>
--EXPECT--
not creatable: false, cannot create the queue directory /proc/self/queue: No such file or directory (os error 2)
a device: false, cannot write to the queue directory /dev/null: Not a directory (os error 20)
below a device: false, cannot write to the queue directory /dev/null/queue: Not a directory (os error 20)
a file: false, cannot write to the queue directory DIRECTORY/file: Not a directory (os error 20)
below a file: false, cannot write to the queue directory DIRECTORY/file/queue: Not a directory (os error 20)
a loop: false, cannot write to the queue directory DIRECTORY/loop: Too many levels of symbolic links (os error 40)
below a loop: false, cannot write to the queue directory DIRECTORY/loop/queue: Too many levels of symbolic links (os error 40)
a dangling link: false, cannot write to the queue directory DIRECTORY/dangling: No such file or directory (os error 2); it is a symbolic link to DIRECTORY/nowhere/at/all, which is missing: create that directory
dangling file loop
0 bytes in the file
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
