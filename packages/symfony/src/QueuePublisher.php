<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\QueueException;

/**
 * Queues events in the directory that the broadcaster reads, at once.
 */
final class QueuePublisher implements EventPublisher
{
    /** @param string|null $queue Null or empty: the directory that php.ini names. */
    public function __construct(
        private readonly ?string $queue = null,
        private readonly ?int $ttl = null,
        private readonly string $priority = 'normal',
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
        $queue = $this->open();
        $ttl ??= $this->ttl;
        $priority ??= $this->priority;
        try {
            return $queue->publish($event, $payload, $channel, $ttl, $priority, $key, $except);
        } catch (QueueException $exception) {
            throw new NotQueued($exception->getMessage(), 0, $exception);
        }
    }

    public function publishAll(iterable $events): array
    {
        $queue = $this->open();
        try {
            return $queue->publishAll($this->withDefaults($events));
        } catch (QueueException $exception) {
            throw new NotQueued($exception->getMessage(), 0, $exception);
        }
    }

    public function prepare(iterable $events): PreparedEvents
    {
        $queue = $this->open();
        $queue->begin();
        $uids = null;
        try {
            $uids = $queue->publishAll($this->withDefaults($events));
        } catch (QueueException $exception) {
            throw new NotQueued($exception->getMessage(), 0, $exception);
        } finally {
            // A transaction that ends with its object is a warning, also an empty one.
            if ($uids === null) {
                $queue->rollback();
            }
        }

        return new PreparedQueueEvents($queue, $uids);
    }

    /** An object of its own each time: a transaction belongs to its object. */
    private function open(): EventQueue
    {
        if (!class_exists(EventQueue::class)) {
            throw new NotQueued(
                'the PHP extension fastapi_websocket is not loaded: bin/console fastapi:doctor says what to do'
            );
        }

        return new EventQueue($this->queue === '' ? null : $this->queue);
    }

    /**
     * @param iterable<array<string, mixed>> $events
     * @return \Generator<array<string, mixed>>
     */
    private function withDefaults(iterable $events): \Generator
    {
        foreach ($events as $event) {
            $event['ttl'] ??= $this->ttl;
            $event['priority'] ??= $this->priority;
            yield $event;
        }
    }
}
