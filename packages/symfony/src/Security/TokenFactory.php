<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Security;

use FASTAPI\WebSocket\AccessToken;

/**
 * Makes tokens that the broadcaster accepts, with the secret that both have.
 */
final class TokenFactory
{
    /**
     * @param string|null $secret The secret itself, or else
     * @param string|null $secretFile the file that has it.
     * @param int $ttl Seconds until a token ends.
     */
    public function __construct(
        #[\SensitiveParameter] private readonly ?string $secret = null,
        private readonly ?string $secretFile = null,
        public readonly int $ttl = 600,
    ) {
    }

    /**
     * @throws \LogicException If there is no secret that can be read.
     * @throws \ValueError If the access has a value that the broadcaster would refuse.
     */
    public function create(Access $access, ?int $ttl = null): string
    {
        if (!class_exists(AccessToken::class)) {
            throw new \LogicException('the PHP extension fastapi_websocket is not loaded, which makes tokens');
        }

        return AccessToken::create(
            $this->secret(),
            $access->user,
            $access->channels,
            $access->allow,
            $ttl ?? $this->ttl,
            $access->info
        );
    }

    public function hasSecret(): bool
    {
        return ($this->secret ?? '') !== '' || ($this->secretFile ?? '') !== '';
    }

    /** @throws \LogicException If there is none that can be read. */
    private function secret(): string
    {
        if (($this->secret ?? '') !== '') {
            return $this->secret;
        }
        if (($this->secretFile ?? '') === '') {
            throw new \LogicException('fastapi_websocket.token has no secret and no secret_file');
        }
        // is_readable() instead of a warning with the path.
        $content = is_readable($this->secretFile) ? file_get_contents($this->secretFile) : false;
        if ($content === false) {
            throw new \LogicException("this user cannot read the file of the token's secret, $this->secretFile");
        }

        // The broadcaster cuts off the end of the line too.
        return rtrim($content, "\r\n");
    }
}
