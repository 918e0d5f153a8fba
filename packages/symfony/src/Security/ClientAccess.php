<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Security;

use Symfony\Component\Security\Core\User\UserInterface;

/**
 * The application says here what its users may read. Tokens and the answer to auth_hook are made from it.
 */
interface ClientAccess
{
    /**
     * @param UserInterface|null $user Null: nobody is logged in.
     * @return Access|null Null: this one may not connect with rights.
     */
    public function accessOf(?UserInterface $user): ?Access;
}
