<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Makes UUIDv7 texts (RFC 9562, section 5.7) that sort in the order in which this process makes them, even when the
 * clock is set back.
 *
 * The 12 bits after the milliseconds are the fraction of the millisecond in units of 245 ns. The next 30 bits are a
 * counter that begins at random with each such unit, and the last 32 are random: those of a forked process differ.
 *
 * @internal
 */
final class Uid
{
    private const UNIT_NANOS = 245;
    private const COUNTER_BITS = 30;

    /** The last time as a number of milliseconds, shifted by 12 bits, and the fraction. */
    private static int $last = 0;
    private static int $counter = 0;

    public static function at(Now $now): string
    {
        $time = $now->millis() << 12 | intdiv($now->micros % 1000 * 1000, self::UNIT_NANOS);
        if ($time <= self::$last && self::$counter + 1 < 1 << self::COUNTER_BITS) {
            $time = self::$last;
            self::$counter++;
        } else {
            $time = max($time, self::$last + 1);
            // The highest bit is free, so that many can follow.
            self::$counter = random_int(0, (1 << self::COUNTER_BITS - 1) - 1);
        }
        self::$last = $time;
        $hex = sprintf(
            '%012x7%03x%04x%04x%s',
            $time >> 12,
            $time & 0xfff,
            0x8000 | self::$counter >> 16,
            self::$counter & 0xffff,
            bin2hex(random_bytes(4)),
        );

        return sprintf(
            '%s-%s-%s-%s-%s',
            substr($hex, 0, 8),
            substr($hex, 8, 4),
            substr($hex, 12, 4),
            substr($hex, 16, 4),
            substr($hex, 20),
        );
    }
}
