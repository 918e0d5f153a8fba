<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

final class PayOrderCommand
{
    public function __construct(public readonly int $id, public readonly bool $isStamped = false)
    {
    }
}
