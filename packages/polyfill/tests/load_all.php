<?php

// The tests limit paths by open_basedir while they run, so all classes are loaded before.

declare(strict_types=1);

require __DIR__ . '/../bootstrap.php';

foreach (['', 'Polyfill\\'] as $namespace) {
    foreach (glob(__DIR__ . '/../src/' . strtr($namespace, '\\', '/') . '*.php') as $file) {
        $class = "FASTAPI\\WebSocket\\$namespace" . basename($file, '.php');
        class_exists($class) || throw new Exception("no class in $file");
    }
}
