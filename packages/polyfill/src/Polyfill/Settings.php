<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * The settings of the extension, which PHP does not know without it: from the environment, else from php.ini.
 *
 * ini_get() and ini_set() have no effect on them.
 *
 * @internal
 */
final class Settings
{
    private const MAX_EVENT_BYTES = 1024 * 1024;
    private const UNITS = ['' => 1, 'k' => 1 << 10, 'm' => 1 << 20, 'g' => 1 << 30];

    /** @var array<string, true> Values that were warned about. */
    private static array $warned = [];

    /** The queue of those who name none. Empty: there is none. */
    public static function path(): string
    {
        $path = self::value('path');
        $isLocal = str_starts_with($path, '/') || preg_match('#^file://(localhost)?/#i', $path) === 1;

        return $path === '' || $isLocal ? $path : self::ignore('path', 'an absolute path', $path, '');
    }

    /** What is on disk when a method that queues returns: `none`, `data` or `full`. */
    public static function fsync(): string
    {
        $level = self::value('fsync');

        return match (strtolower($level)) {
            '', 'none' => 'none',
            'data' => 'data',
            'full' => 'full',
            default => self::ignore('fsync', 'none, data or full', $level, 'none'),
        };
    }

    /** Largest file of one event, or of the events of one transaction. */
    public static function maxEventBytes(): int
    {
        $size = self::value('max_event_bytes');
        if ($size === '') {
            return self::MAX_EVENT_BYTES;
        }
        if (preg_match('/^\+?(\d{1,18})([kmg]?)$/i', $size, $match) === 1) {
            $bytes = (int) $match[1] * self::UNITS[strtolower($match[2])];
            if (is_int($bytes) && $bytes > 0) {
                return $bytes;
            }
        }

        $expected = 'a size above 0 such as 65536, 512K or 2M';

        return self::ignore('max_event_bytes', $expected, $size, self::MAX_EVENT_BYTES);
    }

    private static function value(string $key): string
    {
        $variable = 'FASTAPI_WEBSOCKET_' . strtoupper($key);
        // Libraries that read .env files set one of these.
        $value = getenv($variable);
        $others = [$_SERVER[$variable] ?? null, $_ENV[$variable] ?? null, get_cfg_var("fastapi_websocket.$key")];
        foreach ($others as $other) {
            $value = $value === false && is_string($other) ? $other : $value;
        }

        return trim((string) $value);
    }

    /**
     * Warns once about each wrong value.
     *
     * @template T
     *
     * @param T $default
     *
     * @return T
     */
    private static function ignore(string $key, string $expected, string $value, mixed $default): mixed
    {
        if (!isset(self::$warned["$key=$value"])) {
            self::$warned["$key=$value"] = true;
            $value = Printable::text($value);
            trigger_error("fastapi_websocket.$key must be $expected, \"$value\" is ignored", E_USER_WARNING);
        }

        return $default;
    }
}
