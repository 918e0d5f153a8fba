<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * A transaction that is open, and when one can be begun or ended.
 *
 * @internal
 */
final class Transaction
{
    public readonly Batch $batch;

    /** The child of a fork has a copy, which it must not write. */
    private readonly int $process;

    private function __construct(private readonly bool $isHeld)
    {
        $this->batch = new Batch();
        $this->process = (int) getmypid();
    }

    /**
     * @param bool $isHeld Whether transaction() begins it and will end it.
     *
     * @throws \LogicException
     */
    public static function begin(?self $open, bool $isHeld): self
    {
        if (self::current($open) !== null) {
            throw new \LogicException(
                'a transaction is open already: commit() or roll it back first, there are no nested ones',
            );
        }

        return new self($isHeld);
    }

    /** The one that is open, if it is of this process. */
    public static function current(?self $open): ?self
    {
        return $open?->process === getmypid() ? $open : null;
    }

    /**
     * @return Batch Its events.
     *
     * @throws \LogicException
     */
    public static function end(?self $open, bool $isByHolder): Batch
    {
        if ($open === null) {
            throw new \LogicException('no transaction is open: begin() begins one');
        }
        if (self::current($open) === null) {
            throw new \LogicException(
                'no transaction is open in this process: the one that was open before the fork belongs to the parent, '
                . 'which alone can commit it or roll it back',
            );
        }
        if ($open->isHeld && !$isByHolder) {
            throw new \LogicException(
                'transaction() has begun this transaction and ends it: it commits when the callable returns, and '
                . 'rolls back when it throws',
            );
        }

        return $open->batch;
    }
}
