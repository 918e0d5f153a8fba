<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Twig;

use FASTAPI\WebSocket\Symfony\Security\CurrentAccess;
use FASTAPI\WebSocket\Symfony\Security\TokenFactory;
use Twig\Extension\AbstractExtension;
use Twig\TwigFunction;

/**
 * `fastapi_url()`, the address that pages connect to, and `fastapi_token()`, the token of who is logged in.
 */
final class FastapiExtension extends AbstractExtension
{
    public function __construct(
        private readonly string $url,
        private readonly CurrentAccess $access,
        private readonly TokenFactory $tokens,
    ) {
    }

    public function getFunctions(): array
    {
        return [
            new TwigFunction('fastapi_url', fn (): string => $this->url),
            new TwigFunction('fastapi_token', function (): ?string {
                $access = $this->access->get();

                return $access === null ? null : $this->tokens->create($access);
            }),
        ];
    }
}
