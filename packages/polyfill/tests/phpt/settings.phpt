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

foreach (['max_event_bytes' => ['0', '-1', '1T', 'many', '9999999999999999999', '99999999999999G'], 'path' => ['relative', 'phar:///a.phar', "a\n"]] as $name => $values) {
    foreach ($values as $value) {
        set_setting($name, $value);
        print_refusal('wrong', '', 'e', str_repeat('x', 1 << 20));
        print_refusal('again', '', 'e', str_repeat('x', 1 << 20));
    }
    set_setting($name, '');
}
foreach (['none', 'data', 'full', ' FULL ', 'always', ''] as $level) {
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
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
