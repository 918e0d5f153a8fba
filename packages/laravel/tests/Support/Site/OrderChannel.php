<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

/**
 * A class that decides who may read a channel.
 */
final class OrderChannel
{
    public function join(User $user, Order $order): bool
    {
        return $order->owner === $user->id;
    }
}
