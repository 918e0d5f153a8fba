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
        $index = $this->find($connection, $savepoint);
        if ($index === null) {
            return;
        }
        $events = $this->end($connection, $index);
        if ($index > 0) {
            array_push($this->levels[$index - 1]['events'], ...$events);
        } else {
            $this->queue($events);
        }
    }

    public function rolledBack(object $connection, string $savepoint = ''): void
    {
        $index = $this->find($connection, $savepoint);
        if ($index !== null) {
            $this->end($connection, $index);
        }
    }

    public function areOpen(): bool
    {
        return $this->levels !== [];
    }

    public function keepUntilCommit(PreparedEvents $events): void
    {
        $this->levels[array_key_last($this->levels)]['events'][] = $events;
    }

    /** The newest level of that name: savepoints may have the same one. */
    private function find(object $connection, string $savepoint): ?int
    {
        $id = spl_object_id($connection);
        foreach (array_reverse($this->levels, true) as $index => $level) {
            if ($level['connection'] === $id && $level['savepoint'] === $savepoint) {
                return $index;
            }
        }

        return null;
    }

    /**
     * Takes out the level, and those of the same connection that were begun in it.
     *
     * @return list<PreparedEvents> What waited in them.
     */
    private function end(object $connection, int $first): array
    {
        $id = spl_object_id($connection);
        $ended = array_filter(
            $this->levels,
            static fn (array $level, int $index): bool => $index >= $first && $level['connection'] === $id,
            ARRAY_FILTER_USE_BOTH
        );
        $this->levels = array_values(array_diff_key($this->levels, $ended));

        return array_merge(...array_column($ended, 'events'));
    }

    /** @param list<PreparedEvents> $events */
    private function queue(array $events): void
    {
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
}
