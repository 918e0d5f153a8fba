<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Symfony\FastapiWebSocketBundle;
use Symfony\Component\DependencyInjection\ContainerBuilder;

/**
 * The services of the bundle alone, with any settings: a whole application takes seconds to build.
 */
final class Services
{
    /** @param array<string, mixed> $settings Those of fastapi_websocket. */
    public static function with(array $settings): ContainerBuilder
    {
        $container = new ContainerBuilder();
        (new FastapiWebSocketBundle())->getContainerExtension()->load([$settings], $container);
        foreach ([...$container->getDefinitions(), ...$container->getAliases()] as $service) {
            $service->setPublic(true);
        }
        $container->compile(true);

        return $container;
    }
}
