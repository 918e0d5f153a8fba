<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket;

use FASTAPI\WebSocket\Polyfill\Arguments;
use FASTAPI\WebSocket\Polyfill\Batch;
use FASTAPI\WebSocket\Polyfill\Given;
use FASTAPI\WebSocket\Polyfill\Now;
use FASTAPI\WebSocket\Polyfill\Producer;
use FASTAPI\WebSocket\Polyfill\QueuePath;
use FASTAPI\WebSocket\Polyfill\Refusal;
use FASTAPI\WebSocket\Polyfill\Transaction;

/**
 * A queue of events, with channels, and with transactions.
 *
 * An object means one directory. Nothing is opened or created before an event is published. It cannot be cloned or
 * serialized.
 */
final class EventQueue
{
    /** Read first from a queue in which events wait. */
    public const HIGH = 'high';

    public const NORMAL = 'normal';

    /** Read last, but never left waiting without end. */
    public const LOW = 'low';

    private string $directory = '';

    /** Why there is no directory. */
    private string $problem = '';

    private ?Transaction $transaction = null;

    /** Notes the directory. What is wrong with it, publish() tells. */
    public function __construct(?string $path = null)
    {
        Arguments::atMost(__METHOD__, func_num_args(), 1);
        try {
            $this->directory = QueuePath::locate($path ?? '');
        } catch (Refusal $refusal) {
            $this->problem = $refusal->getMessage();
        }
    }

    /**
     * Queues an event. In a transaction it only notes it, encoded as it is now.
     *
     * @param string|list<string>|null $channel
     *
     * @return string The uid of the event, a UUID.
     *
     * @throws QueueException With the reason that WebSocketServer::lastError() would give.
     * @throws \ValueError If a channel, ttl, priority, key or client id is not valid.
     */
    public function publish(
        string $event,
        mixed $payload = null,
        string|array|null $channel = null,
        ?int $ttl = null,
        string $priority = self::NORMAL,
        ?string $key = null,
        ?string $except = null,
    ): string {
        Arguments::atMost(__METHOD__, func_num_args(), 7, 1);

        return self::refusing(function () use ($event, $payload, $channel, $ttl, $priority, $key, $except): string {
            $given = Given::arguments($event, $payload, $channel, $ttl, $priority, $key, $except);

            return Transaction::current($this->transaction)?->batch->push($given)
                ?? $this->producer()->enqueue($given);
        });
    }

    /**
     * Queues several events, all of them or none. In a transaction it notes them, all or none.
     *
     * @param iterable<array<string, mixed>> $events
     *
     * @return list<string> The uids, in the same order.
     *
     * @throws QueueException As publish().
     * @throws \ValueError If an event has no name, a value under an unknown name, or a wrong value.
     * @throws \TypeError If an event is no array, or a value has a wrong type.
     */
    public function publishAll(iterable $events): array
    {
        Arguments::atMost(__METHOD__, func_num_args(), 1, 1);

        return self::refusing(function () use ($events): array {
            $batch = new Batch();
            $index = 0;
            foreach ($events as $event) {
                $batch->push(Given::item($event, $index++));
            }
            $transaction = Transaction::current($this->transaction);
            $transaction === null ? $this->write($batch) : $transaction->batch->append($batch);

            return $batch->uids();
        });
    }

    /**
     * Begins a transaction: what is published until commit() is queued by it, all or none.
     *
     * @throws \LogicException If one is open.
     */
    public function begin(): void
    {
        Arguments::atMost(__METHOD__, func_num_args(), 0);
        $this->transaction = Transaction::begin($this->transaction, false);
    }

    /**
     * Queues what was published since begin(), and ends the transaction in any case.
     *
     * @return list<string> The uids, in the order of publishing.
     *
     * @throws QueueException As publish(). Nothing was queued then.
     * @throws \LogicException If no transaction is open, or if transaction() has begun it.
     */
    public function commit(): array
    {
        Arguments::atMost(__METHOD__, func_num_args(), 0);
        $batch = $this->end(false);
        self::refusing(fn () => $this->write($batch));

        return $batch->uids();
    }

    /**
     * Forgets what was published since begin().
     *
     * @throws \LogicException If no transaction is open, or if transaction() has begun it.
     */
    public function rollback(): void
    {
        Arguments::atMost(__METHOD__, func_num_args(), 0);
        $this->end(false);
    }

    /**
     * Calls a function in a transaction. Commits when it returns, rolls back when it throws.
     *
     * @param callable(): mixed $do
     *
     * @throws \Throwable What the function has thrown.
     * @throws QueueException As commit().
     * @throws \LogicException If a transaction is open.
     */
    public function transaction(callable $do): mixed
    {
        Arguments::atMost(__METHOD__, func_num_args(), 1, 1);
        $this->transaction = Transaction::begin($this->transaction, true);
        $hasEnded = false;
        try {
            $value = $do();
            $hasEnded = true;
        } catch (\Throwable $thrown) {
            $hasEnded = true;
            $this->transaction = null;

            throw $thrown;
        } finally {
            // A Fiber that was waiting in the function is destroyed.
            if (!$hasEnded) {
                $this->giveUp('the script ended');
            }
        }
        $batch = $this->end(true);
        self::refusing(fn () => $this->write($batch));

        return $value;
    }

    /** Names this moment: `t.` and milliseconds since 1970. */
    public static function now(): string
    {
        Arguments::atMost(__METHOD__, func_num_args(), 0);

        return 't.' . Now::read()->millis();
    }

    public function __destruct()
    {
        $this->giveUp('its object ended');
    }

    public function __clone()
    {
        // The copy ends now. The transaction stays with the first object.
        $this->transaction = null;

        throw new \Error('Trying to clone an uncloneable object of class ' . self::class);
    }

    public function __set(string $name, mixed $value): void
    {
        throw new \Error('Cannot create dynamic property ' . self::class . "::\$$name");
    }

    /** @return array<string, mixed> */
    public function __serialize(): array
    {
        throw new \Exception("Serialization of '" . self::class . "' is not allowed");
    }

    /** @param array<mixed> $data */
    public function __unserialize(array $data): void
    {
        throw new \Exception("Unserialization of '" . self::class . "' is not allowed");
    }

    /** @return array<string, mixed> */
    public function __debugInfo(): array
    {
        return [];
    }

    /** Forgets the events of a transaction that nobody has ended, with a warning. */
    private function giveUp(string $when): void
    {
        $batch = Transaction::current($this->transaction)?->batch;
        $this->transaction = null;
        if ($batch !== null) {
            $events = $batch->count();
            $were = $events === 1 ? 'event was' : 'events were';
            trigger_error(
                self::class . ": the transaction was still open when $when, it is rolled back: "
                . "$events $were not queued",
                E_USER_WARNING,
            );
        }
    }

    private function end(bool $isByHolder): Batch
    {
        $batch = Transaction::end($this->transaction, $isByHolder);
        $this->transaction = null;

        return $batch;
    }

    /** Writes a batch as one entry; nothing, if it is empty. */
    private function write(Batch $batch): void
    {
        if ($batch->count() > 0) {
            $this->producer()->enqueueAll($batch);
        }
    }

    private function producer(): Producer
    {
        if ($this->directory === '') {
            throw new Refusal($this->problem === '' ? 'the queue path is empty' : $this->problem);
        }

        return new Producer($this->directory);
    }

    /**
     * @template T
     *
     * @param callable(): T $do
     *
     * @return T
     *
     * @throws QueueException
     */
    private static function refusing(callable $do): mixed
    {
        try {
            return $do();
        } catch (Refusal $refusal) {
            $reason = $refusal->getMessage();
        }

        throw new QueueException(Polyfill\Printable::text($reason));
    }
}
