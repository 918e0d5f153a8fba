<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Values as the JSON texts that json_encode() makes of them. json_last_error() is not touched.
 *
 * @internal
 */
final class Json
{
    public const DEFAULT_DEPTH = 512;

    /** The payload is one level deep in the entry and in the client's message. */
    private const PAYLOAD_DEPTH = 511;

    /**
     * An event name: any value that PHP encodes as a string, a number or a bool.
     *
     * @throws Refusal
     */
    public static function name(mixed $value): string
    {
        $isScalarOrObject = is_scalar($value) || is_object($value);
        $text = $isScalarOrObject ? self::encode('the event name', $value, self::DEFAULT_DEPTH) : 'null';
        if (preg_match('/^["\-0-9tf]/', $text) !== 1) {
            throw new Refusal('the event name must be a string, got ' . Arguments::typeOf($value));
        }

        return $text;
    }

    /** @throws Refusal */
    public static function payload(mixed $value): string
    {
        return self::encode('the payload', $value, self::PAYLOAD_DEPTH);
    }

    /**
     * @throws Refusal
     */
    public static function encode(string $what, mixed $value, int $depth): string
    {
        try {
            return json_encode($value, JSON_THROW_ON_ERROR, $depth);
        } catch (\JsonException $exception) {
            // One that a jsonSerialize() has thrown comes from another file.
            if ($exception->getFile() !== __FILE__) {
                throw $exception;
            }

            throw new Refusal("$what cannot be encoded as JSON: " . $exception->getMessage());
        }
    }

    /** A text as JSON, with no more escapes than are needed. */
    public static function text(string $text): string
    {
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS;

        return json_encode($text, $flags | JSON_THROW_ON_ERROR);
    }
}
