<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Symfony\Security\Access;
use FASTAPI\WebSocket\Symfony\Security\ClientAccess;
use Symfony\Component\Security\Core\User\UserInterface;

final class SiteAccess implements ClientAccess
{
    public function accessOf(?UserInterface $user): ?Access
    {
        if ($user === null) {
            return null;
        }
        $id = $user->getUserIdentifier();

        return new Access($id, ["private-user.$id"], ['private-room.*']);
    }
}
