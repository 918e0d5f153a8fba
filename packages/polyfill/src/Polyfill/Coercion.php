<?php

// Without strict types: values are converted here as PHP converts arguments.

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Converts values that were given inside of an array, or to a parameter without a type. None: PHP would refuse it.
 *
 * PHP does not tell a function whether its caller has strict types, so they count as off.
 *
 * @internal
 */
final class Coercion
{
    public static function text(mixed $value): ?string
    {
        return is_scalar($value) || $value instanceof \Stringable ? (string) $value : null;
    }

    public static function int(mixed $value): ?int
    {
        if (!is_scalar($value)) {
            return null;
        }
        try {
            return (static fn (int $value): int => $value)($value);
        } catch (\TypeError) {
            return null;
        }
    }
}
