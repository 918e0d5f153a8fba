<?php

declare(strict_types=1);

namespace App\Providers;

use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\ServiceProvider;

/**
 * Registers /broadcasting/auth, and who may read a channel. Applications before Laravel 11 have this file, and enable
 * it in config/app.php; later ones have it in bootstrap/app.php.
 */
final class BroadcastServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Broadcast::routes();

        require base_path('routes/channels.php');
    }
}
