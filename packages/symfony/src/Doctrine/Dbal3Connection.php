<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctrine;

use Doctrine\DBAL\Driver\Middleware\AbstractConnectionMiddleware;

/**
 * A connection of DBAL 3 whose transactions are known.
 */
final class Dbal3Connection extends AbstractConnectionMiddleware
{
    use KnownTransactions;

    public function exec(string $sql): int
    {
        $affected = parent::exec($sql);
        $this->noteSavepoint($sql);

        return $affected;
    }

    public function beginTransaction(): bool
    {
        $hasBegun = parent::beginTransaction() !== false;
        if ($hasBegun) {
            $this->transactions->begun($this);
        }

        return $hasBegun;
    }

    public function commit(): bool
    {
        // Newer versions of DBAL take a transaction whose commit fails for ended, and roll nothing back.
        $isCommitted = false;
        try {
            $isCommitted = parent::commit() !== false;
        } finally {
            $isCommitted ? $this->transactions->committed($this) : $this->transactions->rolledBack($this);
        }

        return $isCommitted;
    }

    public function rollBack(): bool
    {
        $this->transactions->rolledBack($this);

        return parent::rollBack() !== false;
    }
}
