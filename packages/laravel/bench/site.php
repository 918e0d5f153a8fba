<?php

// A request to the site of the measurement: it broadcasts three times by the driver that the URL names, and answers how
// many nanoseconds each took. The last time it calls the driver itself, without Laravel's events.

declare(strict_types=1);

use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\OrderPaid;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;

require __DIR__ . '/../tests/bootstrap.php';
require_once 'GuzzleHttp/autoload.php';
spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Pusher\\')) {
        require getenv('PUSHER_SOURCE') . '/' . strtr(substr($class, strlen('Pusher\\')), '\\', '/') . '.php';
    }
});

$app = Site::create(getenv('BENCH_SITE'));
$app->booted(static function (): void {
    Route::get('/measure', static function (Request $request): array {
        [$driver, $form] = explode(' ', $request->query('driver') . ' directory');
        config(['broadcasting.default' => $driver]);
        ini_set('fastapi_websocket.queue', $form);
        $times = [];
        foreach ([1, 2] as $id) {
            $start = hrtime(true);
            broadcast(new OrderPaid($id))->toOthers();
            $times[] = hrtime(true) - $start;
        }

        $driver = Broadcast::connection();
        $start = hrtime(true);
        $driver->broadcast(['private-user.42'], OrderPaid::class, ['id' => 3, 'socket' => null]);
        $times[] = hrtime(true) - $start;

        return $times;
    });
});
$app->make(Kernel::class)->handle(Request::capture())->send();
