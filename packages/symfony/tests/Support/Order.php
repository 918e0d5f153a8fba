<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use Doctrine\ORM\Mapping as ORM;

#[ORM\Entity]
#[ORM\Table('orders')]
class Order
{
    #[ORM\Id]
    #[ORM\Column]
    #[ORM\GeneratedValue]
    public ?int $id = null;
}
