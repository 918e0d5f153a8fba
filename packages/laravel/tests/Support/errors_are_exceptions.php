<?php

// For the tests of the packages for frameworks.

declare(strict_types=1);

// An old framework uses what a new PHP calls deprecated. Only its own messages are left out: ours, and those of the
// tests, are exceptions.
function errors_are_exceptions(int $level, string $message, string $file, int $line): bool
{
    $isOurs = str_starts_with($file, dirname(__DIR__, 3) . '/');
    if (in_array($level, [E_DEPRECATED, E_USER_DEPRECATED], true) && ! $isOurs) {
        return true;
    }
    // Suppressed by @.
    if ((error_reporting() & $level) === 0) {
        return true;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
}
