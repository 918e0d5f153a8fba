<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Transaction;

use FASTAPI\WebSocket\Symfony\NotQueued;
use FASTAPI\WebSocket\Symfony\PreparedEvents;
use Psr\Log\LoggerInterface;

/**
 * The database transactions that are open now, and the events that wait for their commit. An event belongs to the
 * transaction or savepoint that was begun last when it was published. It knows no database: Doctrine tells it by
 * TransactionMiddleware, and other code may tell it as well.
 */
final class OpenTransactions
{
    /**
     * The one begun last is last.
     *
     * @var list<array{connection: int, savepoint: string, events: list<PreparedEvents>}>
     */
    private array $levels = [];

    public function __construct(private readonly LoggerInterface $logger)
    {
    }

    /** @param string $savepoint Its name; empty: the transaction itself. */
    public function begun(object $connection, string $savepoint = ''): void
    {
        $this->levels[] = ['connection' => spl_object_id($connection), 'savepoint' => $savepoint, 'events' => []];
    }

    /** Queues what waited for the commit, or lets it wait for a transaction that is open around this one. */
    public function committed(object $connection, string $savepoint = ''): void
    {
        $events = $this->end($connection, $savepoint);
        if ($this->levels !== []) {
            array_push($this->levels[array_key_last($this->levels)]['events'], ...$events);

            return;
        }
        foreach ($events as $prepared) {
            // An exception would tell the caller that the transaction has failed, and Doctrine would roll it back.
            try {
                $prepared->queue();
            } catch (NotQueued $exception) {
                $this->logger->error('events {uids} were not queued after the commit: {reason}', [
                    'uids' => implode(', ', $prepared->uids()),
                    'reason' => $exception->getMessage(),
                    'exception' => $exception,
                ]);
            }
        }
    }

    public function rolledBack(object $connection, string $savepoint = ''): void
    {
        $this->end($connection, $savepoint);
    }

    public function areOpen(): bool
    {
        return $this->levels !== [];
    }

    public function keepUntilCommit(PreparedEvents $events): void
    {
        $this->levels[array_key_last($this->levels)]['events'][] = $events;
    }

    /**
     * Takes out the level, and those of the same connection that were begun in it.
     *
     * @return list<PreparedEvents>
     */
    private function end(object $connection, string $savepoint): array
    {
        $id = spl_object_id($connection);
        $first = null;
        foreach ($this->levels as $index => $level) {
            // Savepoints may have the same name: then the newest is meant.
            if ($level['connection'] === $id && $level['savepoint'] === $savepoint) {
                $first = $index;
            }
        }
        if ($first === null) {
            return [];
        }
        $events = [];
        foreach ($this->levels as $index => $level) {
            if ($index >= $first && $level['connection'] === $id) {
                array_push($events, ...$level['events']);
                unset($this->levels[$index]);
            }
        }
        $this->levels = array_values($this->levels);

        return $events;
    }
}
