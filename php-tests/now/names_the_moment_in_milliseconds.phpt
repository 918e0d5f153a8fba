--TEST--
now() is t. and the milliseconds since 1970
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$before = (int) (microtime(true) * 1000);
$now = EventQueue::now();
$after = (int) (microtime(true) * 1000);
var_dump(preg_match('/^t\.\d{13}$/', $now) === 1, $before <= (int) substr($now, 2) && (int) substr($now, 2) <= $after);
?>
--EXPECT--
bool(true)
bool(true)
