<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use Doctrine\DBAL\Connection;
use Doctrine\ORM\EntityManagerInterface;
use Doctrine\ORM\Proxy\Proxy;
use Symfony\Bridge\Doctrine\ManagerRegistry;
use Symfony\Component\DependencyInjection\ContainerInterface;

/**
 * The registry of one entity manager.
 */
final class Registry extends ManagerRegistry
{
    public function __construct(ContainerInterface $container)
    {
        $this->container = $container;
        parent::__construct(
            'orm',
            ['default' => Connection::class],
            ['default' => EntityManagerInterface::class],
            'default',
            'default',
            Proxy::class
        );
    }
}
