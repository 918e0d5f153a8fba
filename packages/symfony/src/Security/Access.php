<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Security;

/**
 * Who a client is, and what it may read.
 */
final class Access
{
    /**
     * @param string|null $user 1 to 200 bytes; null: nobody in particular.
     * @param list<string> $channels Subscribed at once, and allowed.
     * @param list<string> $allow Channels, beginnings of channels with * at the end, and the word everybody.
     * @param array<string, mixed> $info What others on presence channels see of the user.
     */
    public function __construct(
        public readonly ?string $user = null,
        public readonly array $channels = [],
        public readonly array $allow = [],
        public readonly array $info = [],
    ) {
    }
}
