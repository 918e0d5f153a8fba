<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Queues events in one directory, with the settings of this moment.
 *
 * @internal
 */
final class Producer
{
    private readonly QueueDirectory $directory;

    /** @throws Refusal */
    public function __construct(string $directory)
    {
        QueuePath::check($directory);
        $this->directory = new QueueDirectory($directory);
    }

    /**
     * Queues one event.
     *
     * @return string Its UUID.
     *
     * @throws Refusal
     */
    public function enqueue(Event $event): string
    {
        if (!$event->isPlain()) {
            $event->uid = Uid::at(Now::read());
            $this->write(Batch::of($event), self::tooLarge(...));

            return $event->uid;
        }
        $now = Now::read();
        $content = $event->entry($now);
        $limit = Settings::maxEventBytes();
        if (strlen($content) > $limit) {
            throw self::tooLarge(strlen($content), $limit);
        }

        return $this->directory->write($content, $now, '.json');
    }

    /**
     * Queues events as one entry: all of them or none.
     *
     * @throws Refusal
     */
    public function enqueueAll(Batch $batch): void
    {
        $this->write($batch, Batch::tooLarge(...));
    }

    private function write(Batch $batch, callable $tooLarge): void
    {
        $now = Now::read();
        $this->directory->write($batch->content($now, $tooLarge), $now, $batch->suffix());
    }

    private static function tooLarge(int $bytes, int $limit): Refusal
    {
        return new Refusal(
            "the event takes $bytes bytes, more than the limit of $limit bytes set by "
            . 'fastapi_websocket.max_event_bytes',
        );
    }
}
