<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

use FASTAPI\WebSocket\EventQueue;

/**
 * Checks what publish() was given, by arguments or by an item of publishAll().
 *
 * @internal
 */
final class Given
{
    public const NAMES = ['event', 'payload', 'channel', 'ttl', 'priority', 'key', 'except'];
    private const MAX_CHANNELS = 100;
    private const MAX_KEY_BYTES = 200;
    private const MAX_EXCEPT_BYTES = 64;
    private const PUBLISH_ALL = EventQueue::class . '::publishAll()';

    /** @param callable(string): string $origin What an error begins with, for the name of a parameter. */
    private function __construct(private $origin)
    {
    }

    /**
     * @param array<mixed>|string|null $channel
     *
     * @throws Refusal
     * @throws \ValueError
     */
    public static function arguments(
        string $event,
        mixed $payload,
        array|string|null $channel,
        ?int $ttl,
        string $priority,
        ?string $key,
        ?string $except,
    ): Event {
        $given = new self(static fn (string $name): string => EventQueue::class . '::publish(): Argument #'
            . (array_search($name, self::NAMES, true) + 1) . " (\$$name)");

        return $given->event($event, $payload, $channel, $ttl, $priority, $key, $except);
    }

    /**
     * An event of publishAll().
     *
     * @throws Refusal
     * @throws \ValueError
     * @throws \TypeError
     */
    public static function item(mixed $item, int $index): Event
    {
        $of = self::PUBLISH_ALL . ": event $index";
        if (!is_array($item)) {
            throw new \TypeError("$of must be of type array, " . Arguments::typeOf($item) . ' given');
        }
        $values = ['payload' => null, 'channel' => null, 'ttl' => null, 'key' => null, 'except' => null];
        // Not by references: code that runs while a payload is encoded may change what they refer to.
        foreach ($item as $name => $value) {
            if (!in_array($name, self::NAMES, true)) {
                $name = is_int($name) ? $name : Printable::quoted($name);
                $known = implode(', ', self::NAMES);

                throw new \ValueError("$of has the key $name, which is no parameter of publish(): those are $known");
            }
            $values[$name] = $value;
        }
        if (!array_key_exists('event', $values)) {
            throw new \ValueError("$of has no \"event\": its name is missing");
        }
        $given = new self(static fn (string $name): string => "$of: \"$name\"");
        // Each value is checked before the next one is converted, as in the extension: the first wrong one is named.
        $name = $given->converted('event', 'string', Coercion::text(...), $values['event']);
        $channel = $values['channel'];
        if ($channel !== null && !is_array($channel)) {
            $channel = $given->converted('channel', 'array|string|null', Coercion::text(...), $channel);
        }
        $channels = $given->channels($channel);
        $ttl = $given->orNull('ttl', '?int', Coercion::int(...), $values['ttl']);
        $given->checkTtl($ttl);
        $priority = array_key_exists('priority', $values)
            ? $given->converted('priority', 'string', Coercion::text(...), $values['priority'])
            : EventQueue::NORMAL;
        $given->checkPriority($priority);
        $key = $given->orNull('key', '?string', Coercion::text(...), $values['key']);
        $given->checkText('key', $key, self::MAX_KEY_BYTES);
        $except = $given->orNull('except', '?string', Coercion::text(...), $values['except']);

        return $given->event($name, $values['payload'], $channels, $ttl, $priority, $key, $except);
    }

    /** @param array<mixed>|string|null $channel */
    private function event(
        string $event,
        mixed $payload,
        array|string|null $channel,
        ?int $ttl,
        string $priority,
        ?string $key,
        ?string $except,
    ): Event {
        $channels = $this->channels($channel);
        $this->checkTtl($ttl);
        $this->checkPriority($priority);
        $this->checkText('key', $key, self::MAX_KEY_BYTES);
        $this->checkText('except', $except, self::MAX_EXCEPT_BYTES);

        return new Event(Json::name($event), Json::payload($payload), $channels, $ttl, $priority, $key, $except);
    }

    /**
     * @param array<mixed>|string|null $given
     *
     * @return list<string>|null None of them twice.
     */
    private function channels(array|string|null $given): ?array
    {
        if ($given === null) {
            return null;
        }
        $count = count((array) $given);
        if ($count === 0) {
            throw $this->wrong('channel', 'must name at least one channel (null is for every client), [] given');
        }
        if ($count > self::MAX_CHANNELS) {
            throw $this->wrong('channel', 'must name at most ' . self::MAX_CHANNELS . " channels, $count given");
        }
        $names = [];
        foreach ((array) $given as $name) {
            if (!is_string($name)) {
                $type = Arguments::typeOf($name);

                throw $this->wrong('channel', "must be a list of strings, $type given in it");
            }
            if (!ChannelName::isValid($name)) {
                $quoted = Printable::quoted($name);

                throw $this->wrong('channel', "must be the name of a channel, $quoted given: " . ChannelName::RULE);
            }
            if (!in_array($name, $names, true)) {
                $names[] = $name;
            }
        }

        return $names;
    }

    private function checkTtl(?int $ttl): void
    {
        if ($ttl !== null && $ttl < 1) {
            throw $this->wrong('ttl', "must be at least 1 (seconds), $ttl given");
        }
    }

    private function checkPriority(string $priority): void
    {
        if (!in_array($priority, [EventQueue::HIGH, EventQueue::NORMAL, EventQueue::LOW], true)) {
            throw $this->wrong('priority', 'must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or '
                . 'EventQueue::LOW ("low"), ' . Printable::quoted($priority) . ' given');
        }
    }

    private function checkText(string $name, ?string $text, int $maxBytes): void
    {
        if ($text === null) {
            return;
        }
        $bytes = strlen($text);
        if ($bytes < 1 || $bytes > $maxBytes) {
            throw $this->wrong($name, "must have 1 to $maxBytes bytes, $bytes given");
        }
        if (!Printable::isUtf8($text)) {
            throw $this->wrong($name, 'must be valid UTF-8, ' . Printable::quoted($text) . ' given');
        }
    }

    /**
     * @template T
     *
     * @param callable(mixed): (T|null) $convert
     *
     * @return T
     */
    private function converted(string $name, string $type, callable $convert, mixed $value): mixed
    {
        return $convert($value) ?? throw new \TypeError(
            ($this->origin)($name) . " must be of type $type, " . Arguments::typeOf($value) . ' given',
        );
    }

    /**
     * @template T
     *
     * @param callable(mixed): (T|null) $convert
     *
     * @return T|null
     */
    private function orNull(string $name, string $type, callable $convert, mixed $value): mixed
    {
        return $value === null ? null : $this->converted($name, $type, $convert, $value);
    }

    private function wrong(string $name, string $rule): \ValueError
    {
        return new \ValueError(($this->origin)($name) . " $rule");
    }
}
