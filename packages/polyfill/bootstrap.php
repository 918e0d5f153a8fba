<?php

// Makes the classes known where the extension is missing. Composer loads this file with its autoloader.
//
// Nothing is declared here: a class is loaded when it is used first, and never beside that of the extension.

declare(strict_types=1);

if (!extension_loaded('fastapi_websocket')) {
    spl_autoload_register(static function (string $class): void {
        static $classes = [
            'FASTAPI\WebSocket\AccessToken' => 'AccessToken',
            'FASTAPI\WebSocket\EventQueue' => 'EventQueue',
            'FASTAPI\WebSocket\QueueException' => 'QueueException',
            'FASTAPI\WebSocket\WebSocketServer' => 'WebSocketServer',
        ];
        $file = $classes[$class] ?? null;
        if ($file === null && str_starts_with($class, 'FASTAPI\WebSocket\Polyfill\\')) {
            $file = 'Polyfill/' . substr($class, strlen('FASTAPI\WebSocket\Polyfill\\'));
        }
        if ($file !== null && is_file(__DIR__ . "/src/$file.php")) {
            require __DIR__ . "/src/$file.php";
        }
    });
}
