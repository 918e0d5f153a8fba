<?php

declare(strict_types=1);

namespace App\Events;

use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcast;

/**
 * An order was paid. Its customer is told: the public properties are what his pages get.
 */
final class OrderPaid implements ShouldBroadcast
{
    use InteractsWithSockets;

    public function __construct(public int $id, public string $item, private string $customer)
    {
    }

    public function broadcastOn(): PrivateChannel
    {
        return new PrivateChannel("orders.$this->customer");
    }
}
