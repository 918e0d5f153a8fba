--TEST--
What user code throws while a payload is encoded reaches the caller; a fatal error there leaves nothing, and the next event is queued
--EXTENSIONS--
fastapi_websocket
--INI--
display_errors=1
html_errors=0
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
class Payload implements JsonSerializable {
    public function __construct(private Closure $do) {}
    public function jsonSerialize(): mixed { return ($this->do)(); }
}
foreach ([[], ['channel' => 'c']] as $more) {
    print_thrown('exception', fn () => $queue->publish('e', [1, new Payload(fn () => throw new DomainException('no payload'))], ...$more));
    // The payload may use the queue itself.
    $queue->publish('outer', new Payload(fn () => $queue->publish('inner', 1, ...$more)), ...$more);
    echo implode(' ', array_map(fn ($entry) => json_decode($entry)->event, entries($directory))), "\n";
    array_map(fn ($name) => unlink("$directory/$name"), array_keys(entries($directory)));
}
json_encode("\xff");
$queue->publish('e', 1);
var_dump(json_last_error() === JSON_ERROR_UTF8);
take_entry($directory);
register_shutdown_function(function () use ($queue, $directory) {
    var_dump(entries($directory) === [], is_uid($queue->publish('e', 'still works', 'c')), count(entries($directory)));
});
ini_set('memory_limit', '64M');
$queue->publish('e', [1, new Payload(fn () => str_repeat('x', 100 << 20))], 'c', 1, 'high', 'k', '1.2');
echo "not reached\n";
?>
--EXPECTF--
exception: DomainException: no payload
inner outer
exception: DomainException: no payload
inner outer
bool(true)

Fatal error: Allowed memory size of 67108864 bytes exhausted%s in %s on line %d
bool(true)
bool(true)
int(1)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
