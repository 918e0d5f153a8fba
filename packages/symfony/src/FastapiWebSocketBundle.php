<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

use FASTAPI\WebSocket\Symfony\DependencyInjection\FastapiWebSocketExtension;
use Symfony\Component\DependencyInjection\Extension\ExtensionInterface;
use Symfony\Component\HttpKernel\Bundle\Bundle;

/**
 * Events for clients, with the settings of `fastapi_websocket`.
 */
final class FastapiWebSocketBundle extends Bundle
{
    public function getPath(): string
    {
        return dirname(__DIR__);
    }

    /** Its name in the configuration is that of the PHP extension, and not that of the class. */
    public function getContainerExtension(): ?ExtensionInterface
    {
        return new FastapiWebSocketExtension();
    }
}
