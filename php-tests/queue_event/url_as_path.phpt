--TEST--
A URL as path: file:// is the path in it, as for PHP's own functions; others are refused and nothing is created
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
chdir($directory);
foreach (["file://$directory/queue", "FILE://localhost$directory/queue/"] as $url) {
    var_dump(WebSocketServer::queueEvent($url, 'e', 1));
    take_entry("$directory/queue");
}
rmdir("$directory/queue");
foreach (['file://queue', 'phar://a.phar/queue', 'php://memory', 'http://host/queue', 'vfs://tree/queue', 'no+such.wrapper://queue'] as $url) {
    print_refusal($url, $url, 'e');
}
WebSocketServer::getInstance()->eventQueue('phar://a.phar/queue');
echo count(entries($directory)), " created\n";
?>
--EXPECTF--
bool(true)
bool(true)
file://queue: false, the queue path file://queue is a URL of file://, and a queue is a directory of this machine: give its path, such as /var/lib/fastapi-broadcaster/queue
phar://a.phar/queue: false, the queue path phar://a.phar/queue is a URL of phar://, %s
php://memory: false, the queue path php://memory is a URL of php://, %s
http://host/queue: false, the queue path http://host/queue is a URL of http://, %s
vfs://tree/queue: false, the queue path vfs://tree/queue is a URL of vfs://, %s
no+such.wrapper://queue: false, the queue path no+such.wrapper://queue is a URL of no+such.wrapper://, %s

Warning: FASTAPI\WebSocket\WebSocketServer::eventQueue(): the queue path phar://a.phar/queue is a URL of phar://, %s in %s on line %d
0 created
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
