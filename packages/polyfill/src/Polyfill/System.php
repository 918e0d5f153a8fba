<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Calls PHP's functions for files, and makes exceptions of their warnings.
 *
 * The script's error handler is not called, and error_get_last() does not change.
 *
 * @internal
 */
final class System
{
    /**
     * @template T
     *
     * @param callable(): (T|false) $call
     *
     * @return T
     *
     * @throws SystemError
     */
    public static function call(callable $call): mixed
    {
        $warning = null;
        $answer = self::quietly($call, $warning);
        if ($answer === false) {
            throw SystemError::ofWarning($warning ?? 'unknown error');
        }

        return $answer;
    }

    /** Calls a function whose warning, if there is one, is no error. */
    public static function quietly(callable $call, ?string &$warning = null): mixed
    {
        set_error_handler(static function (int $level, string $message) use (&$warning): bool {
            $warning = $message;

            return true;
        });
        try {
            return $call();
        } finally {
            restore_error_handler();
        }
    }
}
