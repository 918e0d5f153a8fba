<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony;

/**
 * Nothing was queued, and the message says why. A class of its own, because QueueException is not there without the
 * extension.
 */
final class NotQueued extends \RuntimeException
{
}
