<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctor;

/**
 * What the doctor has found, and what to do about it.
 */
final class Finding
{
    private function __construct(
        public readonly Grade $grade,
        public readonly string $text,
        public readonly ?string $remedy = null,
    ) {
    }

    public static function good(string $text): self
    {
        return new self(Grade::Good, $text);
    }

    /** Something to know, which may be meant so. */
    public static function note(string $text, string $remedy): self
    {
        return new self(Grade::Note, $text, $remedy);
    }

    public static function bad(string $text, string $remedy): self
    {
        return new self(Grade::Bad, $text, $remedy);
    }
}
