<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Transaction;

use FASTAPI\WebSocket\Symfony\EventPublisher;
use FASTAPI\WebSocket\Symfony\PreparedEvents;

/**
 * Publishes at once if no database transaction is open, otherwise after the commit of the outermost one. What is rolled
 * back is not published. Events are checked and encoded at the call in both cases.
 */
final class AfterCommitPublisher implements EventPublisher
{
    public function __construct(
        private readonly EventPublisher $immediatePublisher,
        private readonly OpenTransactions $transactions,
    ) {
    }

    public function publish(
        string $event,
        mixed $payload = null,
        string|array|null $channel = null,
        ?int $ttl = null,
        ?string $priority = null,
        ?string $key = null,
        ?string $except = null,
    ): string {
        if (!$this->transactions->areOpen()) {
            return $this->immediatePublisher->publish($event, $payload, $channel, $ttl, $priority, $key, $except);
        }
        $given = compact('event', 'payload', 'channel', 'ttl', 'priority', 'key', 'except');

        return $this->publishAll([$given])[0];
    }

    public function publishAll(iterable $events): array
    {
        if (!$this->transactions->areOpen()) {
            return $this->immediatePublisher->publishAll($events);
        }
        $prepared = $this->prepare($events);
        $this->transactions->keepUntilCommit($prepared);

        return $prepared->uids();
    }

    public function prepare(iterable $events): PreparedEvents
    {
        return $this->immediatePublisher->prepare($events);
    }
}
