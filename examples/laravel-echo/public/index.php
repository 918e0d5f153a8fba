<?php

declare(strict_types=1);

// Answers all requests, also as the router of PHP's built-in server. Scripts and style are served here, because this
// example has no bundler.

use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;

$examples = dirname(__DIR__, 2);
$files = [
    '/example_pages.css' => ['text/css', ["$examples/example_pages.css"]],
];
foreach (['pusher' => 'pusher-js/dist/web/pusher.js', 'echo' => 'laravel-echo/dist/echo.iife.js'] as $name => $script) {
    // The clients that the end-to-end tests use, unless `npm i laravel-echo pusher-js` was run here.
    $folders = [dirname(__DIR__) . '/node_modules', "$examples/../e2e/pusher/node_modules"];
    $files["/js/$name.js"] = ['text/javascript', array_map(static fn (string $folder) => "$folder/$script", $folders)];
}
[$type, $places] = $files[parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)] ?? [null, []];
foreach (array_filter($places, is_file(...)) as $place) {
    header("Content-Type: $type");
    readfile($place);

    return;
}

require dirname(__DIR__) . '/bootstrap/autoload.php';
$kernel = (require dirname(__DIR__) . '/bootstrap/app.php')->make(Kernel::class);
$request = Request::capture();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
