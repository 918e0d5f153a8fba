<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Messenger;

use FASTAPI\WebSocket\Symfony\EventPublisher;
use FASTAPI\WebSocket\Symfony\NotQueued;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Exception\InvalidArgumentException;
use Symfony\Component\Messenger\Exception\TransportException;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;
use Symfony\Component\Messenger\Transport\TransportInterface;

/**
 * Publishes messages to clients. It only sends: clients are the consumers, and no worker is needed.
 */
final class EventTransport implements TransportInterface
{
    public function __construct(
        private readonly EventPublisher $publisher,
        private readonly ?int $ttl,
        private readonly ?string $priority,
    ) {
    }

    public function send(Envelope $envelope): Envelope
    {
        if (($envelope->last(DelayStamp::class)?->getDelay() ?? 0) > 0) {
            throw new TransportException('events for clients cannot be delayed');
        }
        $event = EventOfMessage::of($envelope->getMessage());
        $event['ttl'] ??= $this->ttl;
        $event['priority'] ??= $this->priority;
        try {
            $uid = $this->publisher->publish(...$event);
        } catch (NotQueued | \ValueError $exception) {
            throw new TransportException($exception->getMessage(), 0, $exception);
        }

        return $envelope->with(new TransportMessageIdStamp($uid));
    }

    public function get(): iterable
    {
        throw $this->onlySends();
    }

    public function ack(Envelope $envelope): void
    {
        throw $this->onlySends();
    }

    public function reject(Envelope $envelope): void
    {
        throw $this->onlySends();
    }

    private function onlySends(): InvalidArgumentException
    {
        return new InvalidArgumentException('the transport fastapi:// only sends: a broadcaster reads its queue');
    }
}
