<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Symfony\EventPublisher;

/**
 * A service that asks for the publisher that never waits.
 */
final class Import
{
    public function __construct(public readonly EventPublisher $immediatePublisher)
    {
    }
}
