<?php
// A WebSocket client for the tests, written from RFC 6455 so that it shares no code with what it tests. It throws after a few
// seconds instead of waiting forever.

class Client
{
    private const OPCODES = ['text' => 1, 'binary' => 2, 'close' => 8, 'ping' => 9, 'pong' => 10];

    /** @var resource */
    public $socket;
    private string $received = '';
    private bool $closing = false;

    public function __construct(public readonly string $address, string $target = '/', array $headers = [], float $timeout = 60)
    {
        $this->socket = stream_socket_client("tcp://$address", $code, $reason, $timeout);
        if (!$this->socket) {
            throw new Exception("cannot connect to $address: $reason");
        }
        stream_set_timeout($this->socket, (int) $timeout, (int) (fmod($timeout, 1) * 1e6));
        $key = base64_encode(random_bytes(16));
        $lines = ["GET $target HTTP/1.1", "Host: $address", 'Upgrade: websocket', 'Connection: Upgrade',
            'Sec-WebSocket-Version: 13', "Sec-WebSocket-Key: $key", ...$headers];
        fwrite($this->socket, implode("\r\n", $lines) . "\r\n\r\n");
        while (!str_contains($this->received, "\r\n\r\n")) {
            $this->fill();
        }
        [$head, $this->received] = explode("\r\n\r\n", $this->received, 2);
        $accept = base64_encode(sha1($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11', true));
        if (!str_starts_with($head, 'HTTP/1.1 101 ') || stripos($head, "Sec-WebSocket-Accept: $accept") === false) {
            throw new Exception("handshake refused: $head");
        }
    }

    /** Sends one frame, masked as a client must. */
    public function frame(string $payload, string $kind = 'text', bool $final = true): void
    {
        $length = strlen($payload);
        $mask = random_bytes(4);
        $head = chr(($final ? 0x80 : 0) | (self::OPCODES[$kind] ?? 0));
        $head .= match (true) {
            $length < 126 => chr(0x80 | $length),
            $length < 65536 => chr(0x80 | 126) . pack('n', $length),
            default => chr(0x80 | 127) . pack('J', $length),
        };
        $masked = $payload ^ str_repeat($mask, intdiv($length, 4) + 1);
        for ($bytes = $head . $mask . $masked; $bytes !== ''; $bytes = substr($bytes, $written)) {
            $written = @fwrite($this->socket, $bytes);
            if (!$written) {
                throw new Exception('cannot write');
            }
        }
    }

    public function send(string $message): void
    {
        $this->frame($message);
    }

    /** Receives the next frame: [kind, payload]. Pings are answered and not returned. */
    public function receive(): array
    {
        do {
            $first = ord($this->take(1));
            $length = ord($this->take(1));
            $length = match ($length) {
                126 => unpack('n', $this->take(2))[1],
                127 => unpack('J', $this->take(8))[1],
                default => $length,
            };
            $payload = $this->take($length);
            $kind = array_search($first & 15, self::OPCODES, true) ?: 'opcode ' . ($first & 15);
            if ($kind === 'ping') {
                $this->frame($payload, 'pong');
            }
        } while ($kind === 'ping');

        return [$kind, $payload];
    }

    /** Receives a message of either kind. */
    public function read(): string
    {
        [$kind, $payload] = $this->receive();

        return $kind === 'close' ? throw new Exception('the server has closed: ' . substr($payload, 2)) : $payload;
    }

    /** Receives until the close frame, answers it, and returns its code and reason. */
    public function readClose(): string
    {
        do {
            [$kind, $payload] = $this->receive();
        } while ($kind !== 'close');
        if (!$this->closing) {
            $this->frame($payload, 'close');
        }

        return $payload === '' ? 'no code' : trim(unpack('n', $payload)[1] . ' ' . substr($payload, 2));
    }

    /** Closes as RFC 6455 says: a close frame in each direction, then the server ends the connection. */
    public function close(int $code = 1000): void
    {
        $this->closing = true;
        $this->frame(pack('n', $code), 'close');
        $this->readClose();
        fclose($this->socket);
    }

    /** Leaves without a close frame. */
    public function drop(): void
    {
        if (is_resource($this->socket)) {
            fclose($this->socket);
        }
    }

    private function take(int $count): string
    {
        while (strlen($this->received) < $count) {
            $this->fill();
        }
        $taken = substr($this->received, 0, $count);
        $this->received = substr($this->received, $count);

        return $taken;
    }

    private function fill(): void
    {
        $bytes = fread($this->socket, 65536);
        if ($bytes === '' || $bytes === false) {
            $timed_out = stream_get_meta_data($this->socket)['timed_out'];
            throw new Exception($timed_out ? 'the server sent nothing in time' : 'the server ended the connection');
        }
        $this->received .= $bytes;
    }
}
