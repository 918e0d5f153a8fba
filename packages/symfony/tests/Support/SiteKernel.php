<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use Doctrine\DBAL\Connection;
use Doctrine\ORM\EntityManagerInterface;
use FASTAPI\WebSocket\Symfony\FastapiWebSocketBundle;
use FASTAPI\WebSocket\Symfony\Security\ClientAccess;
use Symfony\Bridge\Doctrine\Messenger\DoctrineTransactionMiddleware;
use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Bundle\SecurityBundle\SecurityBundle;
use Symfony\Bundle\TwigBundle\TwigBundle;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpKernel\Kernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;
use Symfony\Component\Security\Core\User\InMemoryUser;

use function Symfony\Component\DependencyInjection\Loader\Configurator\service;
use function Symfony\Component\DependencyInjection\Loader\Configurator\tagged_iterator;

/**
 * An application with the bundle, as a user of it writes one.
 */
final class SiteKernel extends Kernel
{
    use MicroKernelTrait;

    /** @param string $directory Sites share it, and with it the container, which takes seconds to build. */
    public function __construct(private readonly string $directory)
    {
        // Debug mode would replace the error handler of the tests.
        parent::__construct('test', false);
    }

    public function registerBundles(): iterable
    {
        return [new FrameworkBundle(), new SecurityBundle(), new TwigBundle(), new FastapiWebSocketBundle()];
    }

    public function getProjectDir(): string
    {
        return $this->directory;
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $isOld = self::VERSION_ID < 60000;
        $container->extension('framework', [
            'secret' => 'test',
            'test' => true,
            'http_method_override' => false,
            'router' => ['utf8' => true],
            'messenger' => [
                'default_bus' => 'bus',
                'buses' => ['bus' => ['middleware' => ['doctrine_transaction']], 'plain_bus' => null],
                'transports' => ['clients' => 'fastapi://default?ttl=60'],
                'routing' => [
                    OrderPaid::class => 'clients',
                    StockChanged::class => 'clients',
                    NoEvent::class => 'clients',
                ],
            ],
        ]);
        $container->extension('security', ($isOld ? ['enable_authenticator_manager' => true] : []) + [
            'password_hashers' => [InMemoryUser::class => 'plaintext'],
            'providers' => ['users' => ['memory' => ['users' => ['42' => ['password' => 'secret']]]]],
            'firewalls' => ['main' => ['http_basic' => null]],
        ]);
        $container->extension('twig', ['default_path' => $this->getProjectDir(), 'strict_variables' => true]);
        $container->extension('fastapi_websocket', [
            'queue' => '%env(SITE_QUEUE)%',
            'url' => 'wss://example.com/ws',
            'token' => ['secret_file' => '%env(SITE_SECRET_FILE)%'],
        ]);

        $services = $container->services()->defaults()->autowire()->autoconfigure()->public();
        $services->set(Errors::class);
        $services->alias('logger', Errors::class);
        $services->set(PayOrder::class);
        $services->set(Import::class);
        $services->set(AnnounceOrders::class);
        $services->set(SiteAccess::class);
        $services->alias(ClientAccess::class, SiteAccess::class);

        // What DoctrineBundle does.
        $database = service(Database::class);
        $services->set(Database::class)
            ->args([tagged_iterator('doctrine.middleware'), '%env(SITE_DATABASE)%', service(AnnounceOrders::class)]);
        $services->set(Connection::class)->factory([$database, 'connection']);
        $services->set(EntityManagerInterface::class)->factory([$database, 'entityManager']);
        $services->set(Registry::class)->args([service('service_container')]);
        $services->set('messenger.middleware.doctrine_transaction', DoctrineTransactionMiddleware::class)
            ->args([service(Registry::class)]);
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->import('@FastapiWebSocketBundle/config/routes.php');
    }
}
