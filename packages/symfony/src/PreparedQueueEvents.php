<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\QueueException;

/**
 * Events in an open transaction of the queue.
 */
final class PreparedQueueEvents implements PreparedEvents
{
    private bool $isOpen = true;

    /** @param list<string> $uids */
    public function __construct(private readonly EventQueue $queue, private readonly array $uids)
    {
    }

    public function __destruct()
    {
        // Otherwise the end of the queue's object is a warning.
        if ($this->isOpen) {
            $this->queue->rollback();
        }
    }

    public function uids(): array
    {
        return $this->uids;
    }

    public function queue(): void
    {
        $this->isOpen = false;
        try {
            $this->queue->commit();
        } catch (QueueException $exception) {
            throw new NotQueued($exception->getMessage(), 0, $exception);
        }
    }
}
