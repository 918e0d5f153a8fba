<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel;

use FASTAPI\WebSocket\Laravel\Console\DoctorCommand;
use FASTAPI\WebSocket\Laravel\Doctor\MissingDefault;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Support\ServiceProvider;

/**
 * Makes the driver `fastapi` known, with a connection of that name, and the command `fastapi:doctor`.
 */
final class FastapiServiceProvider extends ServiceProvider
{
    private const CONFIG = __DIR__ . '/../config/fastapi.php';

    public function register(): void
    {
        $this->mergeConfigFrom(self::CONFIG, 'fastapi');
        $config = $this->app->make('config');
        if ($config->get('broadcasting.connections.fastapi') === null) {
            $config->set('broadcasting.connections.fastapi', ['driver' => 'fastapi']);
        }
        if ($this->app->runningInConsole()) {
            MissingDefault::define($config);
        }

        // Not in boot(): that would make the manager in each request, also in those that broadcast nothing.
        $this->callAfterResolving(BroadcastManager::class, static function (BroadcastManager $manager): void {
            $manager->extend('fastapi', static function ($app, array $connection): FastapiBroadcaster {
                $defaults = (array) $app->make('config')->get('fastapi');

                return new FastapiBroadcaster(ConnectionSettings::of($connection, $defaults));
            });
        });
    }

    public function boot(): void
    {
        if ($this->app->runningInConsole()) {
            $this->publishes([self::CONFIG => $this->app->configPath('fastapi.php')], 'fastapi-config');
            $this->commands([DoctorCommand::class]);
        }
    }
}
