<?php

// Loads the framework, the package and its tests, without Composer.

declare(strict_types=1);

require __DIR__ . '/Support/errors_are_exceptions.php';
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
