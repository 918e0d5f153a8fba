<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctrine;

use Doctrine\DBAL\Driver\Connection;
use FASTAPI\WebSocket\Symfony\Transaction\OpenTransactions;

/**
 * What the connections for both versions of DBAL have in common.
 */
trait KnownTransactions
{
    public function __construct(Connection $connection, private readonly OpenTransactions $transactions)
    {
        parent::__construct($connection);
    }

    /** A connection that was lost or closed has rolled back. */
    public function __destruct()
    {
        $this->transactions->rolledBack($this);
    }

    /** As Doctrine's platforms write them. */
    private function noteSavepoint(string $sql): void
    {
        if (preg_match('/\A(?:SAVEPOINT|SAVE TRANSACTION) (\S+)\z/', $sql, $match) === 1) {
            $this->transactions->begun($this, $match[1]);
        } elseif (preg_match('/\ARELEASE SAVEPOINT (\S+)\z/', $sql, $match) === 1) {
            $this->transactions->committed($this, $match[1]);
        } elseif (preg_match('/\AROLLBACK (?:TO SAVEPOINT|TRANSACTION) (\S+)\z/', $sql, $match) === 1) {
            $this->transactions->rolledBack($this, $match[1]);
        }
    }
}
