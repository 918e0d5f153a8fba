<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctrine;

use Doctrine\DBAL\Driver\Middleware\AbstractConnectionMiddleware;

/**
 * A connection of DBAL 4 whose transactions are known.
 */
final class Dbal4Connection extends AbstractConnectionMiddleware
{
    use KnownTransactions;

    public function exec(string $sql): int|string
    {
        $affected = parent::exec($sql);
        $this->noteSavepoint($sql);

        return $affected;
    }

    public function beginTransaction(): void
    {
        parent::beginTransaction();
        $this->transactions->begun($this);
    }

    public function commit(): void
    {
        // Newer versions of DBAL take a transaction whose commit fails for ended, and roll nothing back.
        $isCommitted = false;
        try {
            parent::commit();
            $isCommitted = true;
        } finally {
            $isCommitted ? $this->transactions->committed($this) : $this->transactions->rolledBack($this);
        }
    }

    public function rollBack(): void
    {
        $this->transactions->rolledBack($this);
        parent::rollBack();
    }
}
