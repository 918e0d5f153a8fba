<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

/**
 * Publishes events to clients. The parameters are those of FASTAPI\WebSocket\EventQueue::publish(); what is null is
 * taken from the configuration of the bundle.
 */
interface EventPublisher
{
    /**
     * @param string|list<string>|null $channel Null: every client.
     * @param int|null $ttl Seconds after which an event that still waits is not sent any more.
     * @param string|null $priority high, normal or low.
     * @param string|null $key The same key again is sent once.
     * @param string|null $except The id of a client that shall not get it.
     * @return string The event's uid.
     * @throws NotQueued
     * @throws \ValueError If a value is not one that EventQueue accepts.
     */
    public function publish(
        string $event,
        mixed $payload = null,
        string|array|null $channel = null,
        ?int $ttl = null,
        ?string $priority = null,
        ?string $key = null,
        ?string $except = null,
    ): string;

    /**
     * Publishes all or none.
     *
     * @param iterable<array<string, mixed>> $events Each with the names of the parameters of publish().
     * @return list<string> Their uids.
     * @throws NotQueued
     * @throws \ValueError
     */
    public function publishAll(iterable $events): array;

    /**
     * Checks and encodes events now, to be queued later.
     *
     * @param iterable<array<string, mixed>> $events As for publishAll().
     * @throws NotQueued
     * @throws \ValueError
     */
    public function prepare(iterable $events): PreparedEvents;
}
