<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * One reading of the clock. The name of an entry and all times in it come from the same reading.
 *
 * @internal
 */
final class Now
{
    private function __construct(public readonly int $seconds, public readonly int $micros)
    {
    }

    public static function read(): self
    {
        // "0.12345600 1729000000"; as a float it would lose digits.
        $time = microtime();

        return new self((int) substr($time, 11), (int) substr($time, 2, 6));
    }

    public function millis(): int
    {
        return $this->seconds * 1000 + intdiv($this->micros, 1000);
    }

    /** The seconds with microseconds, as JSON. */
    public function text(): string
    {
        return sprintf('%d.%06d', $this->seconds, $this->micros);
    }

    /** The same after so many seconds. */
    public function textAfter(int $seconds): string
    {
        $sum = $this->seconds + $seconds;
        if (!is_int($sum)) {
            // Without its highest bit it is an int, and then it is printed with it.
            $sum = ($this->seconds + ($seconds - PHP_INT_MAX) - 1) ^ PHP_INT_MIN;
        }

        return sprintf('%u.%06d', $sum, $this->micros);
    }
}
