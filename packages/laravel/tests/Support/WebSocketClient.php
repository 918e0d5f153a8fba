<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

use RuntimeException;

/**
 * A WebSocket client that only reads text messages.
 */
final class WebSocketClient
{
    private const TIMEOUT_SECS = 20;

    /** @var resource */
    private $socket;

    public function __construct(string $address, string $target)
    {
        $this->socket = stream_socket_client("tcp://$address", $code, $message, self::TIMEOUT_SECS);
        stream_set_timeout($this->socket, self::TIMEOUT_SECS);
        $key = base64_encode(random_bytes(16));
        fwrite($this->socket, "GET $target HTTP/1.1\r\nHost: $address\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: $key\r\n\r\n");
        $status = (string) fgets($this->socket);
        if (! str_contains($status, ' 101 ')) {
            throw new RuntimeException("no WebSocket: $status");
        }
        while (rtrim((string) fgets($this->socket)) !== '') {
            // Headers of the answer.
        }
    }

    /** The next message that is an event, as it came; not `welcome` and the like. */
    public function readEvent(): string
    {
        do {
            $message = $this->read();
        } while (! isset(json_decode($message, true)['event']));

        return $message;
    }

    private function read(): string
    {
        while (true) {
            [$first, $second] = array_values(unpack('C2', $this->bytes(2)));
            $length = match ($second & 0x7F) {
                126 => unpack('n', $this->bytes(2))[1],
                127 => unpack('J', $this->bytes(8))[1],
                default => $second & 0x7F,
            };
            $data = $length === 0 ? '' : $this->bytes($length);
            if (($first & 0x0F) === 1) {
                return $data;
            }
        }
    }

    private function bytes(int $count): string
    {
        $data = stream_get_contents($this->socket, $count);
        if (! is_string($data) || strlen($data) !== $count) {
            throw new RuntimeException('the connection has ended, or no message came');
        }

        return $data;
    }
}
