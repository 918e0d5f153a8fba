<?php

declare(strict_types=1);

namespace App\Providers;

use Illuminate\Auth\GenericUser;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

/**
 * Users without a database and without passwords. Your application has real ones, and needs nothing of this.
 */
final class AppServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Auth::viaRequest('session-name', static function (Request $request): ?GenericUser {
            $name = $request->session()->get('user');

            return $name === null ? null : new GenericUser(['id' => $name]);
        });
        Route::middleware('web')->group(base_path('routes/web.php'));
    }
}
