<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Makes text from outside safe for a log, a terminal or a line of a list.
 *
 * @internal
 */
final class Printable
{
    /** So many bytes of a wrong value are shown. */
    private const SHOWN_BYTES = 200;

    /** Characters that end a line, control a terminal or change the direction of the others. */
    private const UNPRINTABLE =
        '/[\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]/u';

    /** A run of valid UTF-8, or one other byte. */
    private const UTF_8 = '/((?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]'
        . '|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}'
        . '|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})++)|(.)/s';

    public static function isUtf8(string $text): bool
    {
        return preg_match('//u', $text) === 1;
    }

    /** The text with such characters escaped as in JSON, and bytes that are not UTF-8 as \xff. */
    public static function text(string $text): string
    {
        return self::isUtf8($text)
            ? self::escape($text)
            : self::replaceInvalid($text, static fn (string $byte): string => sprintf('\x%02x', ord($byte)));
    }

    /** A wrong value, for the message about it. */
    public static function quoted(string $value): string
    {
        $bytes = strlen($value);
        $rest = $bytes > self::SHOWN_BYTES ? "... ($bytes bytes)" : '';

        return '"' . self::text(substr($value, 0, self::SHOWN_BYTES)) . '"' . $rest;
    }

    /** The text with a replacement character for what is not UTF-8. */
    public static function lossy(string $text): string
    {
        return self::isUtf8($text) ? $text : self::replaceInvalid($text, static fn (): string => "\u{FFFD}", false);
    }

    /** @param callable(string): string $replace */
    private static function replaceInvalid(string $text, callable $replace, bool $escape = true): string
    {
        $replaced = '';
        preg_match_all(self::UTF_8, $text, $pieces, PREG_SET_ORDER);
        foreach ($pieces as $piece) {
            $replaced .= isset($piece[2]) ? $replace($piece[2]) : ($escape ? self::escape($piece[1]) : $piece[1]);
        }

        return $replaced;
    }

    private static function escape(string $text): string
    {
        return (string) preg_replace_callback(self::UNPRINTABLE, static fn (array $match): string => match ($match[0]) {
            "\n" => '\n',
            "\r" => '\r',
            "\t" => '\t',
            default => sprintf('\u%04x', self::codePoint($match[0])),
        }, $text);
    }

    /** That of a character of at most three bytes, as all that are unprintable. */
    private static function codePoint(string $character): int
    {
        $bytes = array_map(ord(...), str_split($character));

        return match (count($bytes)) {
            1 => $bytes[0],
            2 => ($bytes[0] & 0x1f) << 6 | ($bytes[1] & 0x3f),
            default => ($bytes[0] & 0x0f) << 12 | ($bytes[1] & 0x3f) << 6 | ($bytes[2] & 0x3f),
        };
    }
}
