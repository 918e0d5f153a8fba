<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

use FASTAPI\WebSocket\EventQueue;
use Symfony\Contracts\Service\ResetInterface;

/**
 * Keeps events instead of queueing them, for the tests of an application. With the extension, what the queue would
 * refuse is refused here too.
 */
final class InMemoryPublisher implements EventPublisher, ResetInterface
{
    /** @var list<array<string, mixed>> */
    private array $events = [];

    /**
     * What was published, in order: each with event, payload, channel, ttl, priority, key and except.
     *
     * @return list<array<string, mixed>>
     */
    public function events(): array
    {
        return $this->events;
    }

    public function reset(): void
    {
        $this->events = [];
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
        $given = compact('event', 'payload', 'channel', 'ttl', 'priority', 'key', 'except');

        return $this->publishAll([$given])[0];
    }

    public function publishAll(iterable $events): array
    {
        $prepared = $this->prepare($events);
        $prepared->queue();

        return $prepared->uids();
    }

    public function prepare(iterable $events): PreparedEvents
    {
        $complete = [];
        $none = ['payload' => null, 'channel' => null, 'ttl' => null, 'key' => null, 'except' => null];
        foreach ($events as $event) {
            $complete[] = ['priority' => $event['priority'] ?? 'normal'] + $event + $none;
        }
        $uids = class_exists(EventQueue::class) ? $this->check($complete) : $this->uidsFor($complete);

        return new PreparedInMemoryEvents($uids, function () use ($complete): void {
            array_push($this->events, ...$complete);
        });
    }

    /**
     * @param list<array<string, mixed>> $events
     * @return list<string>
     */
    private function check(array $events): array
    {
        // Nothing is written in a transaction that is rolled back, so the directory need not be there.
        $queue = new EventQueue(sys_get_temp_dir() . '/fastapi-in-memory');
        $queue->begin();
        try {
            return $queue->publishAll($events);
        } finally {
            $queue->rollback();
        }
    }

    /**
     * @param list<array<string, mixed>> $events
     * @return list<string>
     */
    private function uidsFor(array $events): array
    {
        return array_map(static fn (): string => bin2hex(random_bytes(16)), $events);
    }
}
