<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel;

/**
 * Key and secret that the site and the broadcaster share, and the signatures of Pusher's protocol made with them.
 */
final class AppCredentials
{
    public function __construct(
        private readonly string $key,
        #[\SensitiveParameter] private readonly string $secret,
    ) {
    }

    /**
     * What lets one connection subscribe to one channel.
     *
     * @param string|null $channelData Who the member of a presence channel is, as the JSON text that the client gets:
     *     its bytes are signed.
     */
    public function authOfChannel(string $socketId, string $channel, ?string $channelData = null): string
    {
        return $this->sign($channelData === null ? "$socketId:$channel" : "$socketId:$channel:$channelData");
    }

    /**
     * What lets one connection sign in as a user.
     *
     * @param string $userData Who the user is, as the JSON text that the client gets.
     */
    public function authOfUser(string $socketId, string $userData): string
    {
        return $this->sign("$socketId::user::$userData");
    }

    private function sign(string $text): string
    {
        return $this->key . ':' . hash_hmac('sha256', $text, $this->secret);
    }
}
