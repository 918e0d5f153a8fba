<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

/**
 * Routes and channels of the site. Who is logged in stands in a header, for the sake of short tests.
 */
final class SiteServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        $fromHeader = static fn (string $name): callable =>
            static fn (Request $request): ?User => User::named($request->header($name));
        Auth::viaRequest('header', $fromHeader('X-User'));
        Auth::viaRequest('staff-header', $fromHeader('X-Staff'));

        // For a site that has forgotten both.
        if (! config('site.has_channels', true)) {
            return;
        }
        Broadcast::routes();
        Broadcast::channel('foobar', static fn (User $user): bool => true);
        Broadcast::channel('user.{id}', static fn (User $user, string $id): bool => $user->id === $id);
        Broadcast::channel('room.{room}', static fn (User $user): array => ['name' => $user->id, 'äöü' => '/']);
        Broadcast::channel('order.{order}', static fn (User $user, Order $order): bool => $order->owner === $user->id);
        Broadcast::channel('cart.{order}', OrderChannel::class);
        Broadcast::channel(Order::class, static fn (User $user, Order $order): bool => $order->owner === $user->id);
        Broadcast::channel('staff', static fn (User $user): bool => true, ['guards' => ['staff']]);

        Route::post('/pay', static function (): string {
            broadcast(new OrderPaid(7))->toOthers();

            return 'paid';
        })->middleware('web');
    }
}
