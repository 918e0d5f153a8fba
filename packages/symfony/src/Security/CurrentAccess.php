<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Security;

use Symfony\Component\Security\Core\Authentication\Token\Storage\TokenStorageInterface;
use Symfony\Component\Security\Core\User\UserInterface;

/**
 * What who is logged in now may read, as the application's ClientAccess says.
 */
final class CurrentAccess
{
    public function __construct(
        private readonly ?ClientAccess $clientAccess = null,
        private readonly ?TokenStorageInterface $tokenStorage = null,
    ) {
    }

    /** Null: no rights. */
    public function get(): ?Access
    {
        if ($this->clientAccess === null) {
            throw new \LogicException(
                'no service implements ' . ClientAccess::class . ', which says who may read what'
            );
        }
        $user = $this->tokenStorage?->getToken()?->getUser();

        // Symfony 5.4 gives a text for nobody.
        return $this->clientAccess->accessOf($user instanceof UserInterface ? $user : null);
    }
}
