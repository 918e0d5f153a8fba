<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

use Illuminate\Contracts\Broadcasting\HasBroadcastChannel;
use Illuminate\Contracts\Routing\UrlRoutable;

/**
 * A model without a database: there are the orders 7 and 8, of the users 42 and 43.
 */
final class Order implements HasBroadcastChannel, UrlRoutable
{
    public function __construct(public readonly ?string $id = null, public readonly ?string $owner = null)
    {
    }

    public function resolveRouteBinding($value, $field = null): ?self
    {
        $owner = ['7' => '42', '8' => '43'][$value] ?? null;

        return $owner === null ? null : new self((string) $value, $owner);
    }

    public function resolveChildRouteBinding($childType, $value, $field): mixed
    {
        return null;
    }

    public function getRouteKey(): ?string
    {
        return $this->id;
    }

    public function getRouteKeyName(): string
    {
        return 'id';
    }

    public function broadcastChannelRoute(): string
    {
        return 'Shop.Order.{order}';
    }

    public function broadcastChannel(): string
    {
        return "Shop.Order.$this->id";
    }
}
