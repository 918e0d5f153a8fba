<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

/**
 * What a queue directory holds, read as queue/FORMAT.md says: an event a line.
 */
final class QueuedEvents
{
    public function __construct(private readonly string $directory)
    {
    }

    /** @return list<string> Names of entries, in the order of queueing. */
    public function entries(): array
    {
        $names = is_dir($this->directory) ? scandir($this->directory) : [];

        return array_values(preg_grep('/\A[^.].*\.(json|events)\z/', $names));
    }

    /** @return list<array<string, mixed>> All events, as decoded JSON. */
    public function all(): array
    {
        $events = [];
        foreach ($this->entries() as $name) {
            $content = file_get_contents("$this->directory/$name");
            foreach (explode("\n", rtrim($content, "\n")) as $line) {
                $events[] = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
            }
        }

        return $events;
    }
}
