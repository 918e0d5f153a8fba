<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Symfony\EventPublisher;

/**
 * The listener of docs/symfony.md.
 */
final class AnnounceOrders
{
    public function __construct(private readonly EventPublisher $publisher)
    {
    }

    public function postPersist(object $arguments): void
    {
        $order = $arguments->getObject();
        if ($order instanceof Order) {
            $this->publisher->publish('order.created', ['id' => $order->id], 'private-user.42');
        }
    }
}
