<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Errors about arguments, with the texts that classes of extensions have.
 *
 * @internal
 */
final class Arguments
{
    /** Refuses more arguments than a method has parameters, which PHP allows for classes written in PHP. */
    public static function atMost(string $method, int $given, int $max, int $min = 0): void
    {
        if ($given > $max) {
            $bound = $min === $max ? 'exactly' : 'at most';
            $arguments = $max === 1 ? 'argument' : 'arguments';

            throw new \ArgumentCountError("$method() expects $bound $max $arguments, $given given");
        }
    }

    /** The type of a value, as errors name it. */
    public static function typeOf(mixed $value): string
    {
        return is_object($value) || !str_starts_with(get_debug_type($value), 'resource')
            ? get_debug_type($value)
            : 'resource';
    }

    /** A value for a parameter without a type that is a string all the same. */
    public static function text(string $method, int $number, string $name, mixed $value): string
    {
        return Coercion::text($value) ?? throw new \TypeError(
            "$method(): Argument #$number (\$$name) must be of type string, " . self::typeOf($value) . ' given',
        );
    }
}
