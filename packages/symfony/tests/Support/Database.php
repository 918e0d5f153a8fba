<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use Doctrine\Common\EventManager;
use Doctrine\DBAL\Configuration;
use Doctrine\DBAL\Connection;
use Doctrine\DBAL\Driver\Middleware;
use Doctrine\DBAL\DriverManager;
use Doctrine\ORM\EntityManager;
use Doctrine\ORM\Events;
use Doctrine\ORM\ORMSetup;

/**
 * Connection and entity manager of a SQLite database with the middlewares of the application, as DoctrineBundle makes
 * them. Debian has no DoctrineBundle.
 */
final class Database
{
    private readonly Configuration $configuration;

    private ?Connection $connection = null;

    /** @param iterable<Middleware> $middlewares */
    public function __construct(
        iterable $middlewares,
        private readonly string $file,
        private readonly ?object $listener = null,
    ) {
        $this->configuration = ORMSetup::createAttributeMetadataConfiguration([__DIR__], true, $file . '-proxies');
        $this->configuration->setMiddlewares([...$middlewares]);
    }

    public function connection(): Connection
    {
        if ($this->connection === null) {
            $parameters = ['driver' => 'pdo_sqlite', 'path' => $this->file];
            $this->connection = DriverManager::getConnection($parameters, $this->configuration);
            $this->connection->executeStatement('CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)');
        }

        return $this->connection;
    }

    public function entityManager(): EntityManager
    {
        $events = new EventManager();
        if ($this->listener !== null) {
            $events->addEventListener([Events::postPersist], $this->listener);
        }

        return new EntityManager($this->connection(), $this->configuration, $events);
    }
}
