<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Broadcasting\PresenceChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcast;
use Illuminate\Foundation\Events\Dispatchable;

/**
 * An event with a name and a payload of its own, which goes through Laravel's queue.
 */
final class OrderShipped implements ShouldBroadcast
{
    use Dispatchable;
    use InteractsWithSockets;

    public string $secret = 'not for clients';

    /** @return list<Channel> */
    public function broadcastOn(): array
    {
        return [new Channel('orders'), new PresenceChannel('room.1')];
    }

    public function broadcastAs(): string
    {
        return 'order.shipped';
    }

    /** @return array<string, mixed> */
    public function broadcastWith(): array
    {
        return ['id' => 7, 'price' => 19.90, 'note' => 'a/b ü'];
    }
}
