<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\DependencyInjection;

use Doctrine\DBAL\Driver\Middleware\AbstractConnectionMiddleware;
use FASTAPI\WebSocket\Symfony\Command\DoctorCommand;
use FASTAPI\WebSocket\Symfony\Controller\LoginController;
use FASTAPI\WebSocket\Symfony\Controller\TokenController;
use FASTAPI\WebSocket\Symfony\Doctrine\TransactionMiddleware;
use FASTAPI\WebSocket\Symfony\EventPublisher;
use FASTAPI\WebSocket\Symfony\InMemoryPublisher;
use FASTAPI\WebSocket\Symfony\Messenger\EventTransportFactory;
use FASTAPI\WebSocket\Symfony\QueuePublisher;
use FASTAPI\WebSocket\Symfony\Security\ClientAccess;
use FASTAPI\WebSocket\Symfony\Security\CurrentAccess;
use FASTAPI\WebSocket\Symfony\Security\TokenFactory;
use FASTAPI\WebSocket\Symfony\Transaction\AfterCommitPublisher;
use FASTAPI\WebSocket\Symfony\Transaction\OpenTransactions;
use FASTAPI\WebSocket\Symfony\Twig\FastapiExtension;
use Psr\Log\LoggerInterface;
use Psr\Log\NullLogger;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\ContainerInterface;
use Symfony\Component\DependencyInjection\Extension\Extension;
use Symfony\Component\DependencyInjection\Reference;
use Symfony\Component\Messenger\Transport\TransportFactoryInterface;
use Twig\Extension\AbstractExtension;

/**
 * Registers the services. What is for another library is registered if that library is there.
 */
final class FastapiWebSocketExtension extends Extension
{
    public function getAlias(): string
    {
        return 'fastapi_websocket';
    }

    /** @param array<array<string, mixed>> $configs */
    public function load(array $configs, ContainerBuilder $container): void
    {
        $config = $this->processConfiguration(new Configuration(), $configs);
        $this->publishing($config, $container);
        $this->access($config, $container);

        if (interface_exists(TransportFactoryInterface::class)) {
            $container->register(EventTransportFactory::class)
                ->setArguments([new Reference(EventPublisher::class)])
                ->addTag('messenger.transport_factory');
        }
        $container->register(DoctorCommand::class)
            ->setArguments([$config['queue'], $config['in_memory'], new Reference(TokenFactory::class)])
            ->addArgument($this->optional(ClientAccess::class))
            ->addTag('console.command');
    }

    /** @param array<string, mixed> $config */
    private function publishing(array $config, ContainerBuilder $container): void
    {
        $container->register(QueuePublisher::class)
            ->setArguments([$config['queue'], $config['ttl'], $config['priority']]);
        if ($config['in_memory']) {
            // Tests of the application get it from the container.
            $container->register(InMemoryPublisher::class)->setPublic(true)->addTag('kernel.reset', [
                'method' => 'reset',
            ]);
        }
        $immediate = $config['in_memory'] ? InMemoryPublisher::class : QueuePublisher::class;
        $container->registerAliasForArgument($immediate, EventPublisher::class, 'immediatePublisher');
        if (!$config['after_commit']) {
            $container->setAlias(EventPublisher::class, $immediate);

            return;
        }

        $logger = $this->optional(LoggerInterface::class);
        $container->register(OpenTransactions::class)
            ->setFactory([self::class, 'openTransactions'])
            ->setArguments([$logger])
            ->addTag('monolog.logger', ['channel' => 'fastapi_websocket']);
        $container->register(AfterCommitPublisher::class)
            ->setArguments([new Reference($immediate), new Reference(OpenTransactions::class)]);
        $container->setAlias(EventPublisher::class, AfterCommitPublisher::class);
        // From DBAL 3.3 on.
        if (class_exists(AbstractConnectionMiddleware::class)) {
            $container->register(TransactionMiddleware::class)
                ->setArguments([new Reference(OpenTransactions::class)])
                ->addTag('doctrine.middleware');
        }
    }

    /** @param array<string, mixed> $config */
    private function access(array $config, ContainerBuilder $container): void
    {
        $token = $config['token'];
        $container->register(TokenFactory::class)
            ->setArguments([$token['secret'], $token['secret_file'], $token['ttl']]);
        $container->register(CurrentAccess::class)
            ->setArguments([$this->optional(ClientAccess::class), $this->optional('security.token_storage')]);
        $controllers = [
            TokenController::class => new Reference(TokenFactory::class),
            LoginController::class => $config['login_ttl'],
        ];
        foreach ($controllers as $class => $second) {
            $container->register($class)
                ->setArguments([new Reference(CurrentAccess::class), $second])
                ->setPublic(true)
                ->addTag('controller.service_arguments');
        }
        if (class_exists(AbstractExtension::class)) {
            $container->register(FastapiExtension::class)
                ->setArguments([$config['url']])
                ->addArgument(new Reference(CurrentAccess::class))
                ->addArgument(new Reference(TokenFactory::class))
                ->addTag('twig.extension');
        }
    }

    /** Without a logger it has one that does nothing. */
    public static function openTransactions(?LoggerInterface $logger): OpenTransactions
    {
        return new OpenTransactions($logger ?? new NullLogger());
    }

    private function optional(string $id): Reference
    {
        return new Reference($id, ContainerInterface::NULL_ON_INVALID_REFERENCE);
    }
}
