<?php
// Queues many events, with calls in between that must fail; run by php-tests/valgrind.
//
//   php queue_many.php DIRECTORY COUNT

use FASTAPI\WebSocket\WebSocketServer;

class Throwing implements JsonSerializable
{
    public function jsonSerialize(): mixed
    {
        throw new DomainException('thrown');
    }
}

class Place
{
    public function __construct(private string $path) {}

    public function __toString(): string
    {
        return $this->path;
    }
}

[, $directory, $count] = $argv;
chdir(dirname($directory));
$recursive = new stdClass;
$recursive->self = $recursive;
$too_large = str_repeat('x', 2 << 20);

$failing = [
    fn () => WebSocketServer::queueEvent($directory, 'e', ['a' => NAN]),
    fn () => WebSocketServer::queueEvent($directory, 'e', "\xff"),
    fn () => WebSocketServer::queueEvent($directory, 'e', $recursive),
    fn () => WebSocketServer::queueEvent($directory, 'e', STDERR),
    fn () => WebSocketServer::queueEvent($directory, [1], 1),
    fn () => WebSocketServer::queueEvent($directory, new stdClass, 1),
    fn () => WebSocketServer::queueEvent('', 'e'),
    fn () => WebSocketServer::queueEvent("a\0b", 'e'),
    fn () => WebSocketServer::queueEvent([], 'e'),
    fn () => WebSocketServer::queueEvent('/dev/null', 'e'),
    fn () => WebSocketServer::queueEvent('/proc/self/queue', 'e'),
    fn () => WebSocketServer::queueEvent($directory, 'e', new Throwing),
    fn () => WebSocketServer::queueEvent($directory),
    fn () => @ini_set('fastapi_websocket.fsync', 'no such') !== false,
];
$paths = [$directory, "$directory/", new Place($directory), basename($directory)];
$failures = 0;
for ($i = 0; $i < $count; $i++) {
    if (!WebSocketServer::queueEvent($paths[$i % 4], "event.$i", ['i' => $i, 'text' => 'é/', 'float' => $i / 7])) {
        fwrite(STDERR, WebSocketServer::lastError() . "\n");
        exit(1);
    }
    if ($i % 10 === 0) {
        try {
            $answer = $failing[$failures++ % count($failing)]();
        } catch (DomainException | ArgumentCountError) {
            $answer = false;
        }
        if ($answer !== false) {
            fwrite(STDERR, "a call that must fail did not\n");
            exit(1);
        }
    }
    if ($i % 1000 === 0) {
        $failures++;
        if (WebSocketServer::queueEvent($directory, 'e', $too_large)) {
            fwrite(STDERR, "an event that is too large was queued\n");
            exit(1);
        }
    }
}
// At its end PHP does not free values that refer to themselves.
unset($recursive->self);
echo "$count events queued, $failures calls refused\n";
