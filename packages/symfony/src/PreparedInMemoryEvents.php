<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

/**
 * Events that InMemoryPublisher keeps once they are queued.
 */
final class PreparedInMemoryEvents implements PreparedEvents
{
    /**
     * @param list<string> $uids
     * @param \Closure(): void $keep
     */
    public function __construct(private readonly array $uids, private readonly \Closure $keep)
    {
    }

    public function uids(): array
    {
        return $this->uids;
    }

    public function queue(): void
    {
        ($this->keep)();
    }
}
