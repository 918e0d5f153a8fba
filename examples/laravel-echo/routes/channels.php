<?php

declare(strict_types=1);

// Who may read a channel. Nobody else gets a signature from /broadcasting/auth, and so no event.

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Facades\Broadcast;

Broadcast::channel(
    'orders.{customer}',
    static fn (Authenticatable $user, string $customer): bool => $user->getAuthIdentifier() === $customer,
);
