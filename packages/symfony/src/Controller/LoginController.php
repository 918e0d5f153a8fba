<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Controller;

use FASTAPI\WebSocket\Symfony\Security\CurrentAccess;
use Symfony\Component\HttpFoundation\JsonResponse;

/**
 * Answers auth_hook of the broadcaster: who the client is by the session of the site.
 */
final class LoginController
{
    public function __construct(private readonly CurrentAccess $access, private readonly int $expiresIn)
    {
    }

    public function __invoke(): JsonResponse
    {
        $access = $this->access->get();
        if ($access === null) {
            return new JsonResponse(null, 401, ['Cache-Control' => 'no-store']);
        }
        // An empty list would be no object.
        $answer = array_filter([
            'user' => $access->user,
            'channels' => array_values($access->channels),
            'allow' => array_values($access->allow),
            'info' => $access->info,
        ], static fn (mixed $value): bool => $value !== null && $value !== []);

        return new JsonResponse($answer + ['expires_in' => $this->expiresIn], 200, ['Cache-Control' => 'no-store']);
    }
}
