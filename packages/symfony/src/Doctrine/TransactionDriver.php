<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctrine;

use Doctrine\DBAL\Driver;
use Doctrine\DBAL\Driver\Connection;
use Doctrine\DBAL\Driver\Middleware\AbstractDriverMiddleware;
use FASTAPI\WebSocket\Symfony\Transaction\OpenTransactions;

/**
 * Gives out connections whose transactions are known.
 */
final class TransactionDriver extends AbstractDriverMiddleware
{
    public function __construct(Driver $driver, private readonly OpenTransactions $transactions)
    {
        parent::__construct($driver);
    }

    public function connect(#[\SensitiveParameter] array $params): Connection
    {
        $connection = parent::connect($params);
        // DBAL 4 has declared the types of what is returned.
        $isDbal4 = (new \ReflectionMethod(Connection::class, 'commit'))->hasReturnType();

        return $isDbal4
            ? new Dbal4Connection($connection, $this->transactions)
            : new Dbal3Connection($connection, $this->transactions);
    }
}
