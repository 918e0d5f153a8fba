--TEST--
Server-sent events are served on every path; a client of them never reaches a handler, and gets what broadcast() sends
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/channels.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$server = new ServerProcess('
    $server->eventQueue(' . var_export($directory, true) . ');
    $server->on("/chat", function ($connection) { echo "a handler was called\n"; });
    $server->on("/broadcast", function ($connection) use ($server) { $server->broadcast("told", [1]); });
');

/** Asks for a stream and returns it with the status of its answer. */
function stream(string $address, string $target, string $accept = 'text/event-stream'): array
{
    $stream = stream_socket_client("tcp://$address", timeout: 20);
    stream_set_timeout($stream, 20);
    fwrite($stream, "GET $target HTTP/1.1\r\nHost: $address\r\nAccept: $accept\r\n\r\n");
    $status = trim(fgets($stream));
    while (trim(fgets($stream)) !== '') {
    }

    return [$stream, $status];
}

/** The next block: what differs in each run is replaced. */
function block($stream): string
{
    $lines = [];
    while (($line = fgets($stream)) !== "\n" && $line !== false) {
        $lines[] = rtrim($line, "\n");
    }

    return preg_replace(
        ['/^retry: [2-7]\d{3}\b/', '/[0-9a-f]{16}-\d+/', '/"timestamp":\d{10}\b/'],
        ['retry: RETRY', 'ID', '"timestamp":TIMESTAMP'],
        implode(' | ', $lines),
    );
}

[$chat, $status] = stream($server->address, '/chat?channel=orders');
echo $status, "\n", block($chat), "\n";
[$named, $status] = stream($server->address, '/nobody?channel=orders&named=1&after=x');
echo $status, "\n", block($named), "\n";
echo stream($server->address, '/nobody?channel=private-orders')[1], "\n";
echo stream($server->address, '/chat', '*/*')[1], "\n";

(new EventQueue($directory))->publish('order paid', ['n' => 1.5], channel: 'orders');
echo block($chat), "\n", block($named), "\n";
$server->connect('/broadcast');
echo block($chat), "\n", block($named), "\n";
echo $server->stop();
echo block($chat), "\n";
var_dump(fgets($chat), feof($chat));
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
HTTP/1.1 200 OK
retry: RETRY | id: ID
HTTP/1.1 200 OK
retry: RETRY | event: gap | id: ID | data: {"recovered":false}
HTTP/1.1 403 Forbidden
HTTP/1.1 426 Upgrade Required
id: ID | data: {"event":"order paid","payload":{"n":1.5},"timestamp":TIMESTAMP,"id":"ID","channel":"orders"}
id: ID | event: order paid | data: {"event":"order paid","payload":{"n":1.5},"timestamp":TIMESTAMP,"id":"ID","channel":"orders"}
id: ID | data: {"event":"told","payload":[1],"timestamp":TIMESTAMP,"id":"ID"}
id: ID | event: told | data: {"event":"told","payload":[1],"timestamp":TIMESTAMP,"id":"ID"}
: 1001 server is shutting down
bool(false)
bool(true)
