<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support\Site;

use Illuminate\Notifications\Messages\BroadcastMessage;
use Illuminate\Notifications\Notification;

final class InvoicePaid extends Notification
{
    /** @return list<string> */
    public function via(): array
    {
        return ['broadcast'];
    }

    public function toBroadcast(): BroadcastMessage
    {
        return new BroadcastMessage(['invoice' => 7]);
    }
}
