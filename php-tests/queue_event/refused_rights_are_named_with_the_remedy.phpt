--TEST--
Where rights are missing, lastError() names user, group, the directory that refuses, and what to do
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--SKIPIF--
<?php
if (posix_getuid() !== 0) die('skip this machine cannot be another user: not root');
?>
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
foreach (['', '/others', '/read-only', '/closed', '/closed/queue'] as $name) {
    mkdir($directory . $name);
}
symlink("$directory/nowhere", "$directory/link");
chgrp("$directory/others", 54321);
chmod("$directory/others", 0770);
chmod("$directory/closed", 0700);

$child = pcntl_fork();
if ($child === 0) {
    posix_setgid(54322) && posix_setuid(54322);
    foreach (['others', 'read-only', 'closed/queue', 'new', 'link'] as $name) {
        print_refusal($name, "$directory/$name", 'e', directory: $directory);
    }
    exit;
}
pcntl_waitpid($child, $status);
?>
--EXPECT--
others: false, cannot write to the queue directory DIRECTORY/others: Permission denied (os error 13); this process runs as user 54322, group 54322, and may not write to DIRECTORY/others (user root (0), group 54321, mode 770): as root, usermod -aG 54321 54322, then start the process again
read-only: false, cannot write to the queue directory DIRECTORY/read-only: Permission denied (os error 13); this process runs as user 54322, group 54322, and may not write to DIRECTORY/read-only (user root (0), group root (0), mode 755): as root, chgrp 54322 DIRECTORY/read-only && chmod 2770 DIRECTORY/read-only
closed/queue: false, cannot write to the queue directory DIRECTORY/closed/queue: Permission denied (os error 13); this process runs as user 54322, group 54322, which may not enter DIRECTORY/closed (user root (0), group root (0), mode 700): as root, chmod a+x DIRECTORY/closed
new: false, cannot create the queue directory DIRECTORY/new: Permission denied (os error 13); this process runs as user 54322, group 54322, which may not create a directory in DIRECTORY (user root (0), group root (0), mode 755): as root, install -d -o 54322 -g 54322 -m 2770 DIRECTORY/new
link: false, cannot write to the queue directory DIRECTORY/link: No such file or directory (os error 2); it is a symbolic link to DIRECTORY/nowhere, which is missing: create that directory
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
