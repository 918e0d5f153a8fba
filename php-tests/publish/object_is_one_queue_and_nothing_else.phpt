--TEST--
An object cannot be cloned, serialized, extended, made without its constructor or given properties
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$queue = new EventQueue(queue_directory(__FILE__));
print_thrown('clone', fn () => clone $queue);
print_thrown('serialize', fn () => serialize($queue));
print_thrown('unserialize', fn () => unserialize('O:28:"FASTAPI\WebSocket\EventQueue":0:{}'));
print_thrown('property', fn () => $queue->name = 1);
print_thrown('without constructor', fn () => (new ReflectionClass(EventQueue::class))->newInstanceWithoutConstructor());
print_thrown('static', fn () => EventQueue::publish('e'));
print_thrown('arguments of begin', fn () => $queue->begin(1));
print_thrown('arguments of now', fn () => EventQueue::now(1));
var_dump($queue, (array) $queue);
gc_collect_cycles();
?>
--EXPECT--
clone: Error: Trying to clone an uncloneable object of class FASTAPI\WebSocket\EventQueue
serialize: Exception: Serialization of 'FASTAPI\WebSocket\EventQueue' is not allowed
unserialize: Exception: Unserialization of 'FASTAPI\WebSocket\EventQueue' is not allowed
property: Error: Cannot create dynamic property FASTAPI\WebSocket\EventQueue::$name
without constructor: ReflectionException: Class FASTAPI\WebSocket\EventQueue is an internal class marked as final that cannot be instantiated without invoking its constructor
static: Error: Non-static method FASTAPI\WebSocket\EventQueue::publish() cannot be called statically
arguments of begin: ArgumentCountError: FASTAPI\WebSocket\EventQueue::begin() expects exactly 0 arguments, 1 given
arguments of now: ArgumentCountError: FASTAPI\WebSocket\EventQueue::now() expects exactly 0 arguments, 1 given
object(FASTAPI\WebSocket\EventQueue)#1 (0) {
}
array(0) {
}
