--TEST--
Settings are variables of the environment, else of $_SERVER or $_ENV, else values of php.ini; wrong ones warn once and do not count
--INI--
fastapi_websocket.max_event_bytes=2K
fastapi_websocket.fsync=data
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$queue = fn (string $path) => count(glob("$directory/$path/*.json"));
putenv('FASTAPI_WEBSOCKET_PATH');
print_refusal('none', '', 'e');

putenv("FASTAPI_WEBSOCKET_PATH=$directory/variable/");
$_SERVER['FASTAPI_WEBSOCKET_PATH'] = $_ENV['FASTAPI_WEBSOCKET_PATH'] = "$directory/other";
WebSocketServer::queueEvent('', 'e');
(new EventQueue())->publish('e');
putenv('FASTAPI_WEBSOCKET_PATH');
(new EventQueue())->publish('e');
unset($_SERVER['FASTAPI_WEBSOCKET_PATH']);
(new EventQueue())->publish('e');
putenv("FASTAPI_WEBSOCKET_PATH=file://$directory/url");
(new EventQueue())->publish('e');
echo $queue('variable'), ' ', $queue('other'), ' ', $queue('url'), "\n";

print_refusal('of php.ini', $directory, 'e', str_repeat('x', 2048));
putenv('FASTAPI_WEBSOCKET_MAX_EVENT_BYTES=100');
print_refusal('of the environment', $directory, 'e', str_repeat('x', 100));

foreach (['max_event_bytes' => ['0', '-1', '1T', '99999999999999G'], 'path' => ['relative', 'phar:///a.phar', "a\n/b"]] as $name => $values) {
    foreach ($values as $value) {
        set_setting($name, $value);
        set_error_handler(fn ($level, $text) => print("$text\n"));
        print_refusal('default', '', 'e', str_repeat('x', 1 << 20));
        print_refusal('again', '', 'e', str_repeat('x', 1 << 20));
        restore_error_handler();
    }
    set_setting($name, '');
    putenv("FASTAPI_WEBSOCKET_PATH=$directory/url");
}
set_setting('max_event_bytes', '1M');
set_error_handler(fn ($level, $text) => print("$text\n"));
set_setting('fsync', 'always');
var_dump(WebSocketServer::queueEvent("$directory/fsync", 'e'), WebSocketServer::queueEvent("$directory/fsync", 'e'));
foreach (['none', 'data', 'full', ' FULL ', ''] as $level) {
    set_setting('fsync', $level);
    var_dump(WebSocketServer::queueEvent("$directory/fsync", 'e'));
}
echo $queue('fsync'), "\n";
?>
--EXPECTF--
none: false, the queue path is empty
2 2 1
of php.ini: false, the event takes 21%d bytes, more than the limit of 2048 bytes set by fastapi_websocket.max_event_bytes
of the environment: false, the event takes 1%d bytes, more than the limit of 100 bytes set by fastapi_websocket.max_event_bytes
fastapi_websocket.max_event_bytes must be a size above 0 such as 65536, 512K or 2M, "0" is ignored
default: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
again: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
fastapi_websocket.max_event_bytes must be a size above 0 such as 65536, 512K or 2M, "-1" is ignored
default: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
again: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
fastapi_websocket.max_event_bytes must be a size above 0 such as 65536, 512K or 2M, "1T" is ignored
default: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
again: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
fastapi_websocket.max_event_bytes must be a size above 0 such as 65536, 512K or 2M, "99999999999999G" is ignored
default: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
again: false, the event takes 10486%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
fastapi_websocket.path must be an absolute path, "relative" is ignored
default: false, the queue path is empty
again: false, the queue path is empty
fastapi_websocket.path must be an absolute path, "phar:///a.phar" is ignored
default: false, the queue path is empty
again: false, the queue path is empty
fastapi_websocket.path must be an absolute path, "a\n/b" is ignored
default: false, the queue path is empty
again: false, the queue path is empty
fastapi_websocket.fsync must be none, data or full, "always" is ignored
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
7
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
