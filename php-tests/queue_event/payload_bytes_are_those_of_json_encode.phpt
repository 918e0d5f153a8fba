--TEST--
The payload's bytes are those of json_encode(), for odd values and every serialize_precision
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
enum Suit: string { case Hearts = 'H/é'; }
enum Level: int { case High = 3; }
class Money implements JsonSerializable {
    public function __construct(private mixed $value) {}
    public function jsonSerialize(): mixed { return $this->value; }
}
class Plain { public $a = 1; protected $b = 2; private $c = 3; public ?Plain $next = null; public int $unset; }
class Dynamic { public function __construct() { $this->{'0'} = 'zero'; $this->{'é"'} = null; } }
#[AllowDynamicProperties] class Open extends Dynamic {}

$nested = [];
for ($i = 1; $i < 511; $i++) {
    $nested = [$nested];
}
$shared = (object) ['x' => 1];
$reference = 5;
$payloads = [
    null, true, false, 0, -1, PHP_INT_MAX, PHP_INT_MIN, 1.0, -0.0, 0.1, 0.1 + 0.2, 1 / 3, 1e22, 1.0E+25, 1e-7, 5e-324,
    PHP_FLOAT_MAX, M_PI, 1729000000.123456, '', 'plain', '/slashes\\and"quotes\'', "\0\x01\x1f\x7f\t\r\n\u{8}\f", 'é',
    "\u{20ac}\u{1F600}\u{2028}\u{2029}\u{FEFF}\u{10FFFF}", '<a href="x">&amp;</a>', '1234', '1.50', [], [[]], [1, 2, 3],
    [1 => 'a'], [0 => 'a', 1 => 'b'], [1 => 'b', 0 => 'a'], ['a' => null, '' => 1, 'é' => 2], new stdClass,
    (object) ['1' => 'numeric key'], new Plain, new Open, new Money(1.10), new Money(new Money(['deep' => 0.1])),
    new Money(null), Suit::Hearts, [Level::High, Suit::Hearts], new ArrayObject([1, 2]), new DateTimeImmutable('2024-01-01 UTC'),
    [$shared, $shared], ['reference' => &$reference], $nested, str_repeat('é/', 50000), range(1, 300, 3),
    array_fill_keys(range(5, 9), 1.5), fn () => 1,
];
$compared = 0;
$different = 0;
foreach ([-1, 0, 1, 5, 14, 17, 40] as $precision) {
    ini_set('serialize_precision', $precision);
    foreach ($payloads as $index => $payload) {
        $expected = json_encode($payload);
        if (!WebSocketServer::queueEvent($directory, 'e', $payload)) {
            echo "$index: ", WebSocketServer::lastError(), "\n";
            continue;
        }
        $bytes = payload_bytes(take_entry($directory));
        $compared++;
        if ($bytes !== $expected) {
            $different++;
            echo "payload $index with precision $precision: ", substr($bytes, 0, 80), ' instead of ', substr($expected, 0, 80), "\n";
        }
    }
}
echo count($payloads), " payloads, $compared compared, $different different\n";
?>
--EXPECT--
53 payloads, 371 compared, 0 different
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
