<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Messenger;

use Symfony\Component\Messenger\Exception\TransportException;

/**
 * Which event a message is.
 */
final class EventOfMessage
{
    /**
     * @return array<string, mixed> With the names of the parameters of EventPublisher::publish().
     * @throws TransportException If it is none.
     */
    public static function of(object $message): array
    {
        if ($message instanceof ClientEvent) {
            return [
                'event' => $message->event(),
                'payload' => $message->payload(),
                'channel' => $message->channel(),
            ];
        }
        $attribute = (new \ReflectionClass($message))->getAttributes(AsClientEvent::class)[0] ?? null;
        if ($attribute === null) {
            throw new TransportException(sprintf(
                '%s is no event for clients: it needs the attribute %s or the interface %s',
                $message::class,
                AsClientEvent::class,
                ClientEvent::class
            ));
        }
        $declared = $attribute->newInstance();
        $fill = static fn (string $channel): string => self::fill($channel, $message);

        return [
            'event' => $declared->event,
            'payload' => $message,
            'channel' => match (true) {
                is_string($declared->channel) => $fill($declared->channel),
                is_array($declared->channel) => array_map($fill, $declared->channel),
                default => null,
            },
            'ttl' => $declared->ttl,
            'priority' => $declared->priority,
        ];
    }

    private static function fill(string $channel, object $message): string
    {
        $values = get_object_vars($message);

        return (string) preg_replace_callback('/\{(\w+)\}/', static function (array $match) use ($values, $message) {
            $value = $values[$match[1]] ?? null;
            if (!is_int($value) && !$value instanceof \Stringable && (!is_string($value) || $value === '')) {
                throw new TransportException(sprintf(
                    'the channel of %s needs a public property %s with a text or a whole number',
                    $message::class,
                    $match[1]
                ));
            }

            return (string) $value;
        }, $channel);
    }
}
