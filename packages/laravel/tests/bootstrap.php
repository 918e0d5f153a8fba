<?php

// Loads the framework, the package and its tests, without Composer.

declare(strict_types=1);

// An old framework uses what a new PHP calls deprecated. Only its own messages are left out: ours, and those of the
// tests, are exceptions.
function errors_are_exceptions(int $level, string $message, string $file, int $line): bool
{
    $isOurs = str_starts_with($file, dirname(__DIR__) . '/');
    if (in_array($level, [E_DEPRECATED, E_USER_DEPRECATED], true) && ! $isOurs) {
        return true;
    }
    // Suppressed by @.
    if ((error_reporting() & $level) === 0) {
        return true;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
}

set_error_handler(errors_are_exceptions(...));
spl_autoload_register(static function (string $class): void {
    $folders = ['FASTAPI\WebSocket\Laravel\Tests\\' => '/tests/', 'FASTAPI\WebSocket\Laravel\\' => '/src/'];
    foreach ($folders as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            $file = dirname(__DIR__) . $folder . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
            if (is_file($file)) {
                require $file;
            }

            return;
        }
    }
});
require_once getenv('LARAVEL_AUTOLOAD') ?: 'Illuminate/autoload.php';
