--TEST--
A payload that cannot be encoded: false, PHP's own reason, and not even a directory
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
enum Unbacked { case Case; }

$recursive_array = [1];
$recursive_array['self'] = &$recursive_array;
$recursive_object = new stdClass;
$recursive_object->self = $recursive_object;
$too_deep = [];
for ($i = 1; $i < 512; $i++) {
    $too_deep = [$too_deep];
}
$closed = fopen('php://memory', 'r');
fclose($closed);
$payloads = [
    'NAN' => NAN, 'INF' => [1, -INF], 'bad UTF-8' => "\xff", 'bad UTF-8 in a key' => ["\xc3\x28" => 1],
    'bad UTF-8 deep' => ['a' => ['b' => "ok \xe2\x82"]], 'recursive array' => $recursive_array,
    'recursive object' => $recursive_object, 'resource' => STDIN, 'closed resource' => [$closed],
    'enum without values' => Unbacked::Case, '512 levels' => $too_deep,
];
foreach ($payloads as $label => $payload) {
    // The payload is one level deep, as in json_encode(['payload' => ...]).
    json_encode(['payload' => $payload]);
    $words = json_last_error_msg();
    print_refusal($label, $directory, 'e', $payload);
    echo '  ', str_ends_with(WebSocketServer::lastError(), ": $words") ? 'in the words' : "not in the words ($words)", " of json_last_error_msg()\n";
}
var_dump(file_exists($directory));
?>
--EXPECT--
NAN: false, the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
  in the words of json_last_error_msg()
INF: false, the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
  in the words of json_last_error_msg()
bad UTF-8: false, the payload cannot be encoded as JSON: Malformed UTF-8 characters, possibly incorrectly encoded
  in the words of json_last_error_msg()
bad UTF-8 in a key: false, the payload cannot be encoded as JSON: Malformed UTF-8 characters, possibly incorrectly encoded
  in the words of json_last_error_msg()
bad UTF-8 deep: false, the payload cannot be encoded as JSON: Malformed UTF-8 characters, possibly incorrectly encoded
  in the words of json_last_error_msg()
recursive array: false, the payload cannot be encoded as JSON: Recursion detected
  in the words of json_last_error_msg()
recursive object: false, the payload cannot be encoded as JSON: Recursion detected
  in the words of json_last_error_msg()
resource: false, the payload cannot be encoded as JSON: Type is not supported
  in the words of json_last_error_msg()
closed resource: false, the payload cannot be encoded as JSON: Type is not supported
  in the words of json_last_error_msg()
enum without values: false, the payload cannot be encoded as JSON: Non-backed enums have no default serialization
  in the words of json_last_error_msg()
512 levels: false, the payload cannot be encoded as JSON: Maximum stack depth exceeded
  in the words of json_last_error_msg()
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
