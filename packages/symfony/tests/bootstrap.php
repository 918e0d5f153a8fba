<?php

// Loads the framework, the package and its tests, without Composer.

declare(strict_types=1);

require dirname(__DIR__, 2) . '/laravel/tests/Support/errors_are_exceptions.php';
set_error_handler(errors_are_exceptions(...));
spl_autoload_register(static function (string $class): void {
    $folders = [
        'FASTAPI\WebSocket\Symfony\Tests\\' => __DIR__ . '/',
        'FASTAPI\WebSocket\Symfony\\' => dirname(__DIR__) . '/src/',
        // The broadcaster, a client and temporary directories are the same there.
        'FASTAPI\WebSocket\Laravel\Tests\Support\\' => dirname(__DIR__, 2) . '/laravel/tests/Support/',
    ];
    foreach ($folders as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            $file = $folder . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
            if (is_file($file)) {
                require $file;
            }

            return;
        }
    }
});
if (getenv('SYMFONY_AUTOLOAD')) {
    require_once getenv('SYMFONY_AUTOLOAD');
} else {
    // Debian has an autoloader for each part. The order counts: some load others.
    foreach (
        ['Bundle/FrameworkBundle', 'Bundle/SecurityBundle', 'Bundle/TwigBundle', 'Component/Messenger',
            'Bridge/Doctrine', 'Component/Console'] as $part
    ) {
        require_once "Symfony/$part/autoload.php";
    }
    require_once 'Doctrine/ORM/autoload.php';
}
