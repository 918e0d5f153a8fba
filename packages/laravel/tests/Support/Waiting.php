<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

use RuntimeException;

/**
 * Waits for a condition, and fails with what was waited for.
 */
final class Waiting
{
    private const TIMEOUT_SECS = 20;

    /**
     * @template T
     * @param callable(): (T|null) $look
     * @return T
     */
    public static function until(string $what, callable $look): mixed
    {
        $end = hrtime(true) + self::TIMEOUT_SECS * 1_000_000_000;
        do {
            $seen = $look();
            if ($seen !== null && $seen !== false) {
                return $seen;
            }
            usleep(2_000);
        } while (hrtime(true) < $end);

        throw new RuntimeException("waited in vain: $what");
    }
}
