<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Why events are not queued. Callers of the package get a QueueException or false instead.
 *
 * @internal
 */
final class Refusal extends \Exception
{
}
