--TEST--
With the extension no file of the package is loaded; without it the classes can be preloaded, and the bootstrap may run twice
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';

$package = dirname((new ReflectionClass(FASTAPI\WebSocket\EventQueue::class))->getFileName(), 2);
$directory = queue_directory(__FILE__);
mkdir($directory);
$preload = "$directory/preload.php";
file_put_contents($preload, '<?php require ' . var_export("$package/bootstrap.php", true) . ';
    new FASTAPI\WebSocket\EventQueue("/q"); FASTAPI\WebSocket\WebSocketServer::lastError();');
file_put_contents("$directory/script.php", '<?php require ' . var_export("$package/bootstrap.php", true) . ';
    require ' . var_export("$package/bootstrap.php", true) . ';
    $internal = array_map(fn ($name) => (int) (new ReflectionClass("FASTAPI\\\\WebSocket\\\\$name"))->isInternal(),
        ["EventQueue", "WebSocketServer", "AccessToken", "QueueException"]);
    $loaded = preg_grep("/polyfill.src/", get_included_files());
    echo implode($internal), " ", $loaded ? "loaded" : "not loaded", " ", class_exists("FASTAPI\WebSocket\Polyfill\No") ? "?" : "", "\n";
    (new FASTAPI\WebSocket\EventQueue(' . var_export("$directory/queue", true) . '))->publish("e");');

$php = escapeshellarg(getenv('TEST_PHP_EXECUTABLE')) . ' -n -d error_reporting=-1 -d display_errors=1';
$extension = '-d extension=' . escapeshellarg(getenv('FASTAPI_EXTENSION'));
$opcache = '-d zend_extension=opcache -d opcache.enable_cli=1 -d opcache.preload=' . escapeshellarg($preload)
    . ' -d opcache.preload_user=' . posix_getpwuid(posix_geteuid())['name'];
foreach (['plain' => '', 'extension' => $extension, 'preload' => $opcache, 'both' => "$extension $opcache"] as $label => $flags) {
    echo "$label: ", shell_exec("$php $flags " . escapeshellarg("$directory/script.php") . ' 2>&1');
}
echo count(entries("$directory/queue")), "\n";
?>
--EXTENSIONS--
posix
--EXPECT--
plain: 0000 loaded 
extension: 1111 not loaded 
preload: 0000 loaded 
both: 1111 not loaded 
4
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
