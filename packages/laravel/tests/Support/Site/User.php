<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

use Illuminate\Auth\GenericUser;
use Illuminate\Notifications\Notifiable;

/**
 * A user without a database.
 */
final class User extends GenericUser
{
    use Notifiable;

    public static function named(?string $id): ?self
    {
        return $id === null ? null : new self(['id' => $id]);
    }

    public function getKey(): string
    {
        return $this->id;
    }
}
