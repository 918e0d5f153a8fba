<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Controller;

use FASTAPI\WebSocket\Symfony\Security\CurrentAccess;
use FASTAPI\WebSocket\Symfony\Security\TokenFactory;
use Symfony\Component\HttpFoundation\JsonResponse;

/**
 * Gives a page the token of who is logged in.
 */
final class TokenController
{
    public function __construct(private readonly CurrentAccess $access, private readonly TokenFactory $tokens)
    {
    }

    public function __invoke(): JsonResponse
    {
        $access = $this->access->get();
        if ($access === null) {
            return new JsonResponse(['token' => null], 401, ['Cache-Control' => 'no-store']);
        }

        return new JsonResponse(['token' => $this->tokens->create($access)], 200, ['Cache-Control' => 'no-store']);
    }
}
