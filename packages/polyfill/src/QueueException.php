<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket;

/**
 * Events were not queued. The message is one line, as that of WebSocketServer::lastError().
 */
class QueueException extends \RuntimeException
{
}
