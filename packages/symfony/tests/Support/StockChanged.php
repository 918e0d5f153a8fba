<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Symfony\Messenger\ClientEvent;

final class StockChanged implements ClientEvent
{
    public function event(): string
    {
        return 'stock.changed';
    }

    public function payload(): mixed
    {
        return ['left' => 3];
    }

    public function channel(): string|array|null
    {
        return null;
    }
}
