<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Messenger;

/**
 * A message that becomes an event when it is sent to the transport fastapi://. AsClientEvent is the shorter way.
 */
interface ClientEvent
{
    /** The name that pages know it by. */
    public function event(): string;

    /** What json_encode() accepts. */
    public function payload(): mixed;

    /** @return string|list<string>|null Null: every client. */
    public function channel(): string|array|null;
}
