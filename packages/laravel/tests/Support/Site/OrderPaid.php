<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/**
 * An event as Laravel's generator makes it: its public properties are its payload.
 */
final class OrderPaid implements ShouldBroadcastNow
{
    use InteractsWithSockets;

    public function __construct(public int $id, private mixed $channels = new PrivateChannel('user.42'))
    {
    }

    public function broadcastOn(): mixed
    {
        return $this->channels;
    }
}
