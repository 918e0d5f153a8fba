<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket;

use FASTAPI\WebSocket\Polyfill\Arguments;
use FASTAPI\WebSocket\Polyfill\NewToken;

/**
 * Tokens by which the broadcaster knows who a client is and which channels it may read: JWTs, signed with HS256.
 */
final class AccessToken
{
    private function __construct()
    {
    }

    /**
     * Makes a token. Who has it, has its rights until it ends: give it to its user only, by HTTPS.
     *
     * @param list<string> $channels
     * @param list<string> $allow
     * @param array<string, mixed> $info
     *
     * @throws \ValueError If a value is wrong, or the token would be larger than the 8 KiB that the broadcaster takes.
     */
    public static function create(
        #[\SensitiveParameter] string $secret,
        ?string $user = null,
        array $channels = [],
        array $allow = [],
        int $ttl = 3600,
        array $info = [],
    ): string {
        Arguments::atMost(__METHOD__, func_num_args(), 6, 1);

        return NewToken::create(__METHOD__, $secret, $user, $channels, $allow, $ttl, $info);
    }
}
