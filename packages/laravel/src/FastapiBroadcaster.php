<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel;

use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\QueueException;
use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\Broadcasters\UsePusherChannelConventions;
use Illuminate\Broadcasting\BroadcastException;

/**
 * Queues Laravel's broadcasts in the directory that the broadcaster reads, and answers /broadcasting/auth and
 * /broadcasting/user-auth as Pusher's clients expect it. Nothing here makes a network call.
 */
final class FastapiBroadcaster extends Broadcaster
{
    use UsePusherChannelConventions;
    use AnswersPusherClients;

    /** How many channels one event of the queue may have. */
    private const CHANNELS_OF_AN_EVENT = 100;

    private ?EventQueue $eventQueue = null;

    /**
     * Refuses nothing. Laravel makes the broadcaster at each start, because routes/channels.php needs it: what is wrong
     * with the settings must concern only who uses them.
     */
    public function __construct(private readonly ConnectionSettings $settings)
    {
    }

    /**
     * Queues an event. It was queued for all its channels when this returns, and for none of them when it throws.
     *
     * @param array<\Stringable|string> $channels
     * @param string $event
     * @param array<string, mixed> $payload
     * @throws BroadcastException
     */
    public function broadcast(array $channels, $event, array $payload = []): void
    {
        $except = $this->exceptedClient($payload['socket'] ?? null);
        unset($payload['socket']);
        $names = array_values(array_unique($this->formatChannels($channels)));

        try {
            $common = [
                'event' => (string) $event,
                'ttl' => $this->settings->ttl(),
                'priority' => $this->settings->priority(),
                'except' => $except,
            ];
            $this->publish(array_map(
                static fn (array $part): array => $common + $part,
                $this->parts($names, $payload)
            ));
        } catch (QueueException | \ValueError | \JsonException $exception) {
            throw new BroadcastException("event $event was not queued: " . $exception->getMessage(), 0, $exception);
        }
    }

    /**
     * The patterns that routes/channels.php has registered.
     *
     * @return list<string>
     */
    public function channelPatterns(): array
    {
        return array_map(strval(...), array_keys($this->channels));
    }

    /**
     * The channels with what they get: one part if possible. An encrypted channel has a key of its own, so it is a part
     * of its own.
     *
     * @param list<string> $names
     * @param array<string, mixed> $payload
     * @return list<array{channel: list<string>, payload: mixed}>
     * @throws \JsonException
     */
    private function parts(array $names, array $payload): array
    {
        $parts = [];
        $plain = [];
        foreach ($names as $name) {
            if (ChannelEncryption::isFor($name)) {
                $parts[] = ['channel' => [$name], 'payload' => $this->encryption()->encrypt($name, $payload)];
            } else {
                $plain[] = $name;
            }
        }
        foreach (array_chunk($plain, self::CHANNELS_OF_AN_EVENT) as $some) {
            $parts[] = ['channel' => $some, 'payload' => $payload];
        }

        return $parts;
    }

    /**
     * @param list<array<string, mixed>> $events Each with the names of the parameters of EventQueue::publish().
     * @throws QueueException
     */
    private function publish(array $events): void
    {
        if ($events === []) {
            return;
        }
        $queue = $this->eventQueue();
        if (count($events) === 1) {
            $queue->publish(...$events[0]);
        } else {
            $queue->publishAll($events);
        }
    }

    private function eventQueue(): EventQueue
    {
        if (! class_exists(EventQueue::class)) {
            throw new BroadcastException(
                'the PHP extension fastapi_websocket is not loaded: php artisan fastapi:doctor says what to do'
            );
        }

        return $this->eventQueue ??= new EventQueue($this->settings->queue);
    }

    /**
     * The client that toOthers() leaves out. Its id comes from a header of the request: with one that no client can
     * have, everybody gets the event. Otherwise a browser could prevent an event by a wrong header.
     */
    private function exceptedClient(mixed $socket): ?string
    {
        return is_string($socket) && preg_match('/\A[!-~]{1,64}\z/', $socket) === 1 ? $socket : null;
    }
}
