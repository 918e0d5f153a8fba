<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Events that were gathered and become one entry: of a transaction, or of one publishAll().
 *
 * @internal
 */
final class Batch
{
    private const MAX_EVENTS = 1000;

    /** So many times the largest entry may its messages have: the server makes one for each channel. */
    private const MAX_COPIES = 4;

    /** @var list<Event> */
    private array $events = [];
    private int $bytes = 0;

    /**
     * Adds an event, with a new UUID, unless the batch would exceed the limits.
     *
     * @throws Refusal
     */
    public function push(Event $event): string
    {
        $this->check(1, $event->bytes());
        $event->uid = Uid::at(Now::read());
        $this->events[] = $event;
        $this->bytes += $event->bytes();

        return $event->uid;
    }

    /** One event, whose size the caller has not looked at. */
    public static function of(Event $event): self
    {
        $batch = new self();
        $batch->events[] = $event;
        $batch->bytes = $event->bytes();

        return $batch;
    }

    /**
     * Adds all events of another batch, or none.
     *
     * @throws Refusal
     */
    public function append(self $other): void
    {
        $this->check(count($other->events), $other->bytes);
        array_push($this->events, ...$other->events);
        $this->bytes += $other->bytes;
    }

    public function count(): int
    {
        return count($this->events);
    }

    /** @return list<string> */
    public function uids(): array
    {
        return array_map(static fn (Event $event): string => $event->uid, $this->events);
    }

    /** How the name of the entry ends: it has the lane of the most urgent event. */
    public function suffix(): string
    {
        $priorities = array_map(static fn (Event $event): string => $event->priority, $this->events);

        return match (true) {
            in_array('high', $priorities, true) => '.high.events',
            in_array('normal', $priorities, true) => '.events',
            default => '.low.events',
        };
    }

    /**
     * The content of the entry: a line for each event.
     *
     * @param callable(int, int): Refusal $tooLarge Says that it has so many bytes, of so many.
     *
     * @throws Refusal
     */
    public function content(Now $now, callable $tooLarge): string
    {
        $limit = Settings::maxEventBytes();
        if ($this->bytes > $limit) {
            throw $tooLarge($this->bytes, $limit);
        }
        $content = '';
        $channels = 1;
        foreach ($this->events as $event) {
            $content .= $event->line($now);
            $channels = max($channels, count($event->channels ?? []));
        }
        $bytes = strlen($content);
        if ($bytes > $limit) {
            throw $tooLarge($bytes, $limit);
        }
        $limit *= self::MAX_COPIES;
        if ($bytes * $channels > $limit) {
            throw new Refusal(
                "the entry takes $bytes bytes, times $channels channels more than the limit of $limit bytes: queue "
                . 'fewer events at once, or give them fewer channels, or set a higher '
                . 'fastapi_websocket.max_event_bytes',
            );
        }

        return $content;
    }

    public static function tooLarge(int $bytes, int $limit): Refusal
    {
        return new Refusal(
            "the events of the batch take $bytes bytes, more than the limit of $limit bytes set by "
            . 'fastapi_websocket.max_event_bytes',
        );
    }

    private function check(int $moreEvents, int $moreBytes): void
    {
        if (count($this->events) + $moreEvents > self::MAX_EVENTS) {
            throw new Refusal(
                'a batch has at most ' . self::MAX_EVENTS . ' events: publish them in several batches',
            );
        }
        $bytes = $this->bytes + $moreBytes;
        $limit = Settings::maxEventBytes();
        if ($bytes > $limit) {
            throw self::tooLarge($bytes, $limit);
        }
    }
}
