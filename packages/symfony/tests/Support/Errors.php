<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use Psr\Log\AbstractLogger;

/**
 * Keeps what is logged as an error.
 */
final class Errors extends AbstractLogger
{
    /** @var list<string> */
    public array $errors = [];

    /**
     * @param mixed $level
     * @param \Stringable|string $message
     * @param array<string, mixed> $context
     */
    public function log($level, $message, array $context = []): void
    {
        if ($level === 'error') {
            $this->errors[] = strtr((string) $message, [
                '{uids}' => $context['uids'] ?? '',
                '{reason}' => $context['reason'] ?? '',
            ]);
        }
    }
}
