<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Messenger;

/**
 * A message with this attribute becomes an event when it is sent to the transport fastapi://. Its payload is the
 * message as JSON, so its public properties.
 */
#[\Attribute(\Attribute::TARGET_CLASS)]
final class AsClientEvent
{
    /**
     * @param string $event The name that pages know it by.
     * @param string|list<string>|null $channel `{name}` stands for the public property of that name. Null: every
     *     client.
     */
    public function __construct(
        public readonly string $event,
        public readonly string|array|null $channel = null,
        public readonly ?int $ttl = null,
        public readonly ?string $priority = null,
    ) {
    }
}
