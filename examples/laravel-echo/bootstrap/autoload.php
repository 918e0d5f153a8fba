<?php

declare(strict_types=1);

// Loads the package php-laravel-framework of Debian, the classes of this application and those of packages/laravel,
// without Composer. Your application has vendor/autoload.php.

// Debian's framework is older than its PHP, which calls some of it deprecated.
error_reporting(E_ALL & ~E_DEPRECATED);
spl_autoload_register(static function (string $class): void {
    $folders = [
        'App\\' => dirname(__DIR__) . '/app/',
        'FASTAPI\\WebSocket\\Laravel\\' => dirname(__DIR__, 3) . '/packages/laravel/src/',
    ];
    foreach ($folders as $prefix => $folder) {
        $file = $folder . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
        if (str_starts_with($class, $prefix) && is_file($file)) {
            require $file;
        }
    }
});
require getenv('LARAVEL_AUTOLOAD') ?: 'Illuminate/autoload.php';
