<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

/**
 * Events that are checked and encoded, and not queued yet. Nothing is queued if the value is dropped.
 */
interface PreparedEvents
{
    /** @return list<string> */
    public function uids(): array;

    /**
     * Queues all or none.
     *
     * @throws NotQueued
     */
    public function queue(): void;
}
