<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctrine;

use Doctrine\DBAL\Driver;
use Doctrine\DBAL\Driver\Middleware;
use FASTAPI\WebSocket\Symfony\Transaction\OpenTransactions;

/**
 * Tells OpenTransactions of the transactions of Doctrine's connections. At this place only the outermost transaction
 * begins and ends; those in it are savepoints, or nothing.
 */
final class TransactionMiddleware implements Middleware
{
    public function __construct(private readonly OpenTransactions $transactions)
    {
    }

    public function wrap(Driver $driver): Driver
    {
        return new TransactionDriver($driver, $this->transactions);
    }
}
