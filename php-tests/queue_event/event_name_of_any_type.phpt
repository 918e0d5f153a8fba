--TEST--
The event name is encoded like the payload; what is not a string, number or bool is refused
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
enum Name: string { case Created = 'order/created'; }
enum Unbacked { case Case; }
class Dynamic implements JsonSerializable {
    public function __construct(private mixed $value) {}
    public function jsonSerialize(): mixed { return $this->value; }
}

foreach (['order.created', 'é"/', '', 7, -7, 1.5, true, false, Name::Created, new Dynamic('from an object')] as $name) {
    if (!WebSocketServer::queueEvent($directory, $name)) {
        exit(WebSocketServer::lastError());
    }
    $entry = take_entry($directory);
    echo substr($entry, 0, strpos($entry, ',"payload"')), ' ', str_starts_with($entry, '{"event":' . json_encode($name) . ',') ? 'same' : 'different', "\n";
}
rmdir($directory);

$names = [
    null, [], ['a'], new stdClass, STDIN, NAN, "\xff", fn () => 1, Unbacked::Case, new Dynamic(null), new Dynamic(['a']),
    new class { public $a = 1; },
];
foreach ($names as $name) {
    print_refusal(get_debug_type($name), $directory, $name);
}
var_dump(file_exists($directory));
?>
--EXPECT--
{"event":"order.created" same
{"event":"\u00e9\"\/" same
{"event":"" same
{"event":7 same
{"event":-7 same
{"event":1.5 same
{"event":true same
{"event":false same
{"event":"order\/created" same
{"event":"from an object" same
null: false, the event name must be a string, got null
array: false, the event name must be a string, got array
array: false, the event name must be a string, got array
stdClass: false, the event name must be a string, got stdClass
resource (stream): false, the event name must be a string, got resource
float: false, the event name cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
string: false, the event name cannot be encoded as JSON: Malformed UTF-8 characters, possibly incorrectly encoded
Closure: false, the event name must be a string, got Closure
Unbacked: false, the event name cannot be encoded as JSON: Non-backed enums have no default serialization
Dynamic: false, the event name must be a string, got Dynamic
Dynamic: false, the event name must be a string, got Dynamic
class@anonymous: false, the event name must be a string, got class@anonymous
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
