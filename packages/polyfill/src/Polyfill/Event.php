<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * An event whose values were checked, with its name and its payload as JSON.
 *
 * @internal
 */
final class Event
{
    private const MAX_NAME_BYTES = 1024;

    /** Its UUID, once it is known. */
    public string $uid = '';

    /** @param list<string>|null $channels */
    public function __construct(
        public readonly string $name,
        public readonly string $payload,
        public readonly ?array $channels = null,
        public readonly ?int $ttl = null,
        public readonly string $priority = 'normal',
        public readonly ?string $key = null,
        public readonly ?string $except = null,
    ) {
    }

    public function bytes(): int
    {
        return strlen($this->name) + strlen($this->payload);
    }

    /** Whether it is an event as queueEvent() queues it: for everybody, and with nothing else to say. */
    public function isPlain(): bool
    {
        return $this->priority === 'normal'
            && ($this->channels ?? $this->ttl ?? $this->key ?? $this->except) === null;
    }

    /** The content of an entry with this event alone. */
    public function entry(Now $now): string
    {
        return "{\"event\":$this->name,\"payload\":$this->payload,"
            . "\"timestamp\":$now->seconds,\"queued_at\":{$now->text()}}";
    }

    /**
     * A line of an entry of several events.
     *
     * @throws Refusal
     */
    public function line(Now $now): string
    {
        $bytes = strlen($this->name);
        if ($bytes > self::MAX_NAME_BYTES) {
            throw new Refusal(
                "the name of the event, as JSON, has $bytes bytes, and may have 2 to " . self::MAX_NAME_BYTES,
            );
        }
        $channels = $this->channels === null ? 'null' : '["' . implode('","', $this->channels) . '"]';
        $line = "{\"v\":1,\"uid\":\"$this->uid\",\"event\":$this->name,\"payload\":$this->payload,"
            . "\"timestamp\":$now->seconds,\"queued_at\":{$now->text()},\"channels\":$channels";
        if ($this->ttl !== null) {
            $line .= ",\"expires_at\":{$now->textAfter($this->ttl)}";
        }
        foreach (['key' => $this->key, 'except' => $this->except] as $name => $text) {
            $line .= $text === null ? '' : ",\"$name\":" . Json::text($text);
        }

        return "$line}\n";
    }
}
