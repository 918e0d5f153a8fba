--TEST--
A directory that this user may not write to: false and a reason, no file is left
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
chmod($directory, 0555);

// Permission bits do not apply to root: a child process gives up its rights first.
$child = pcntl_fork();
if ($child === 0) {
    if (posix_getuid() === 0 && !(posix_setgid(65534) && posix_setuid(65534))) {
        echo "cannot drop privileges\n";
    }
    print_refusal('not writable', $directory, 'e', directory: $directory);
    print_refusal('parent not writable', "$directory/queue", 'e', directory: $directory);
    exit;
}
pcntl_waitpid($child, $status);
echo count(entries($directory)), " files\n";
?>
--EXPECTF--
not writable: false, cannot write to the queue directory DIRECTORY: Permission denied (os error 13); this process runs as user %s, group %s, and may not write to DIRECTORY (user %s, group %s, mode 555): as root, %s
parent not writable: false, cannot create the queue directory DIRECTORY/queue: Permission denied (os error 13); this process runs as user %s, group %s, which may not create a directory in DIRECTORY (user %s, group %s, mode 555): as root, install %s
0 files
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
