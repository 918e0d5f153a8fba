--TEST--
Modes do not need chmod(), which hosts turn off: whoever else may write to the directory could put a link to another file in its place
--SKIPIF--
<?php
if (PHP_ZTS) {
    die('skip: this machine cannot: the umask of a PHP with threads is that of all of them');
}
?>
--INI--
disable_functions=chmod
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

// Without chmod() a directory that is made has no set-group-id bit, unless it inherits it.
$directory = queue_directory(__FILE__);
umask(0o077);
(new EventQueue($directory))->publish('e');
printf("%o\n", fileperms($directory) & 0o777);
unlink("$directory/" . array_key_first(entries($directory)));
foreach ([0o000, 0o022, 0o077] as $umask) {
    umask($umask);
    (new EventQueue($directory))->publish('e', 1, 'c');
    [$name] = array_keys(entries($directory));
    printf("%o, umask %o\n", fileperms("$directory/$name") & 0o7777, umask());
    unlink("$directory/$name");
}
?>
--EXPECT--
770
640, umask 0
640, umask 22
640, umask 77
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
