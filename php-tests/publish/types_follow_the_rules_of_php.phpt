--TEST--
Arguments are converted as PHP does it without strict types, and refused with them; wrong names and numbers of arguments are errors
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

class Name
{
    public function __construct(private string $name) {}

    public function __toString(): string
    {
        return $this->name;
    }
}

$directory = queue_directory(__FILE__);
$queue = new EventQueue(new Name($directory));
$queue->publish(12, 'p', 7, '30', 'low', 1.5, new Name('1.2'));
[$name, [$event]] = take_events($directory);
echo substr($name, 36), ' ', json_encode([$event['event'], $event['channels'], round($event['expires_at'] - $event['queued_at']), $event['key'], $event['except']]), "\n";

$strict = escapeshellarg(queue_directory(__FILE__) . '.script.php');
file_put_contents(trim($strict, "'"), '<?php declare(strict_types=1);
    require ' . var_export(__DIR__ . '/../helpers/functions.php', true) . ';
    $queue = new FASTAPI\WebSocket\EventQueue(' . var_export($directory, true) . ');
    foreach ([[1], ["e", null, 7], ["e", null, null, "30"], ["e", null, null, null, "low", 1.5]] as $arguments) {
        try { $queue->publish(...$arguments); echo "accepted\n"; } catch (TypeError $error) { echo message_of($error), "\n"; }
    }');
echo run_php($strict);
unlink(trim($strict, "'"));

$wrong = [
    [null], [[]], [new stdClass], ['e', null, new stdClass], ['e', null, STDIN], ['e', null, null, 'soon'], ['e', null, null, []],
    ['e', null, null, null, null], ['e', null, null, null, 'low', []], ['e', null, null, null, 'low', null, []],
    [], ['e', 1, null, null, 'low', null, null, 8], ['event' => 'e', 'chanel' => 'x'], ['payload' => 1],
];
foreach ($wrong as $arguments) {
    print_thrown(json_encode($arguments, JSON_PARTIAL_OUTPUT_ON_ERROR), fn () => $queue->publish(...$arguments));
}
print_thrown('path', fn () => new EventQueue([]));
print_thrown('two paths', fn () => new EventQueue('a', 'b'));
print_thrown('thrown by a conversion', fn () => $queue->publish(new class {
    public function __toString(): string { throw new DomainException('no string'); }
}));
var_dump(entries($directory));
?>
--EXPECT--
.low.events ["12",["7"],30,"1.5","1.2"]
FASTAPI\WebSocket\EventQueue::publish(): Argument #1 ($event) must be of type string, int given
FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be of type array|string|null, int given
FASTAPI\WebSocket\EventQueue::publish(): Argument #4 ($ttl) must be of type ?int, string given
FASTAPI\WebSocket\EventQueue::publish(): Argument #6 ($key) must be of type ?string, float given
[null]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #1 ($event) must be of type string, null given
[[]]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #1 ($event) must be of type string, array given
[{}]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #1 ($event) must be of type string, stdClass given
["e",null,{}]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be of type array|string|null, stdClass given
["e",null,null]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be of type array|string|null, resource given
["e",null,null,"soon"]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #4 ($ttl) must be of type ?int, string given
["e",null,null,[]]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #4 ($ttl) must be of type ?int, array given
["e",null,null,null,null]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #5 ($priority) must be of type string, null given
["e",null,null,null,"low",[]]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #6 ($key) must be of type ?string, array given
["e",null,null,null,"low",null,[]]: TypeError: FASTAPI\WebSocket\EventQueue::publish(): Argument #7 ($except) must be of type ?string, array given
[]: ArgumentCountError: FASTAPI\WebSocket\EventQueue::publish() expects at least 1 argument, 0 given
["e",1,null,null,"low",null,null,8]: ArgumentCountError: FASTAPI\WebSocket\EventQueue::publish() expects at most 7 arguments, 8 given
{"event":"e","chanel":"x"}: Error: Unknown named parameter $chanel
{"payload":1}: ArgumentCountError: FASTAPI\WebSocket\EventQueue::publish(): Argument #1 ($event) not passed
path: TypeError: FASTAPI\WebSocket\EventQueue::__construct(): Argument #1 ($path) must be of type ?string, array given
two paths: ArgumentCountError: FASTAPI\WebSocket\EventQueue::__construct() expects at most 1 argument, 2 given
thrown by a conversion: DomainException: no string
array(0) {
}
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
