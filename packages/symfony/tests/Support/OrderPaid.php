<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Symfony\Messenger\AsClientEvent;

#[AsClientEvent('order.paid', channel: ['private-user.{userId}', 'orders'])]
final class OrderPaid
{
    public function __construct(public readonly int $id, public readonly int|string $userId)
    {
    }
}
