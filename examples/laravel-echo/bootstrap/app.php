<?php

declare(strict_types=1);

// The application, as every Laravel application before 11 begins. What it writes goes into a directory of EXAMPLE_DATA,
// so that nothing is written into the sources.

use Illuminate\Contracts\Console\Kernel as ConsoleKernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Application;

$storage = (getenv('EXAMPLE_DATA') ?: sys_get_temp_dir()) . '/laravel-echo';
foreach (['framework/views', 'framework/sessions', 'framework/cache', 'logs'] as $folder) {
    @mkdir("$storage/$folder", 0700, true);
}
$_ENV['APP_PACKAGES_CACHE'] ??= "$storage/packages.php";
$_ENV['APP_SERVICES_CACHE'] ??= "$storage/services.php";

$app = new Application(dirname(__DIR__));
$app->useStoragePath($storage);
$app->singleton(HttpKernel::class, App\Http\Kernel::class);
$app->singleton(ConsoleKernel::class, Illuminate\Foundation\Console\Kernel::class);
$app->singleton(ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);

return $app;
