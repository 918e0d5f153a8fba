<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use Symfony\Component\Messenger\Attribute\AsMessageHandler;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\MessageBusInterface;
use Symfony\Component\Messenger\Stamp\DispatchAfterCurrentBusStamp;

/**
 * Handles an order in the transaction of the bus, and tells clients by a message.
 */
#[AsMessageHandler(bus: 'bus')]
final class PayOrder
{
    /** @var \Closure(): mixed What is done between the dispatch and the commit. */
    public \Closure $then;

    public function __construct(private readonly MessageBusInterface $bus)
    {
        $this->then = static fn () => null;
    }

    public function __invoke(PayOrderCommand $command): void
    {
        $message = new Envelope(new OrderPaid($command->id, 42));
        $this->bus->dispatch($command->isStamped ? $message->with(new DispatchAfterCurrentBusStamp()) : $message);
        ($this->then)();
    }
}
