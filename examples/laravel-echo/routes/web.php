<?php

declare(strict_types=1);

// The page, and what its buttons ask for. The orders are in the cache, in place of a database.

use App\Events\OrderPaid;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Route;

Route::get('/', static fn (Request $request) => view('orders', ['customer' => $request->user()?->getAuthIdentifier()]));

Route::post('/login', static function (Request $request) {
    abort_unless(in_array($request->input('user'), ['ann', 'ben'], true), 403);
    $request->session()->regenerate();
    $request->session()->put('user', $request->input('user'));

    return redirect('/');
});

Route::post('/logout', static function (Request $request) {
    $request->session()->invalidate();

    return redirect('/');
});

Route::get('/orders', static function (Request $request): array {
    abort_if($request->user() === null, 401);

    return Cache::get("orders.{$request->user()->getAuthIdentifier()}", []);
});

Route::post('/orders/paid', static function (Request $request): array {
    abort_if($request->user() === null, 401);
    $customer = $request->user()->getAuthIdentifier();
    $orders = Cache::get("orders.$customer", []);
    $order = ['id' => count($orders) + 1, 'item' => 'Tea'];
    Cache::forever("orders.$customer", [...$orders, $order]);
    // After the change was stored. The page that has paid shows it from the answer.
    broadcast(new OrderPaid($order['id'], $order['item'], $customer))->toOthers();

    return $order;
});
