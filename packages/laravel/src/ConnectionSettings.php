<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel;

/**
 * What was decided for one connection: its own keys in config/broadcasting.php, otherwise those of config/fastapi.php.
 */
final class ConnectionSettings
{
    /** Those of EventQueue, which is not there without the extension. */
    private const PRIORITIES = ['high', 'normal', 'low'];

    private function __construct(
        /** Null: the directory that php.ini names. */
        public readonly ?string $queue,
        public readonly ?string $key,
        private readonly ?string $secret,
        private readonly ?string $masterKeyBase64,
        private readonly ?string $ttl,
        private readonly string $priority,
    ) {
    }

    /**
     * @param array<string, mixed> $connection
     * @param array<string, mixed> $defaults
     */
    public static function of(#[\SensitiveParameter] array $connection, #[\SensitiveParameter] array $defaults): self
    {
        // A variable that .env does not have is null, one without a value is ''. Neither hides the default.
        $text = static function (string $name) use ($connection, $defaults): ?string {
            foreach ([$connection[$name] ?? '', $defaults[$name] ?? ''] as $value) {
                if ((string) $value !== '') {
                    return (string) $value;
                }
            }

            return null;
        };

        return new self(
            queue: $text('queue'),
            key: $text('key'),
            secret: $text('secret'),
            masterKeyBase64: $text('encryption_master_key_base64'),
            ttl: $text('ttl'),
            priority: $text('priority') ?? 'normal',
        );
    }

    /**
     * Seconds; null if events do not end.
     *
     * @throws \ValueError If it is not what EventQueue accepts.
     */
    public function ttl(): ?int
    {
        if ($this->ttl === null) {
            return null;
        }
        $seconds = filter_var($this->ttl, FILTER_VALIDATE_INT, ['options' => ['min_range' => 1]]);
        if ($seconds === false) {
            throw new \ValueError(
                "ttl (FASTAPI_TTL) must be a whole number of seconds, at least 1, \"$this->ttl\" given"
            );
        }

        return $seconds;
    }

    /** @throws \ValueError If it is not what EventQueue accepts. */
    public function priority(): string
    {
        if (! in_array($this->priority, self::PRIORITIES, true)) {
            throw new \ValueError(
                "priority (FASTAPI_PRIORITY) must be high, normal or low, \"$this->priority\" given"
            );
        }

        return $this->priority;
    }

    public function hasSecret(): bool
    {
        return $this->secret !== null;
    }

    /** Null if key or secret is missing. */
    public function credentials(): ?AppCredentials
    {
        if ($this->key === null || $this->secret === null) {
            return null;
        }

        return new AppCredentials($this->key, $this->secret);
    }

    /**
     * Null if no master key is set.
     *
     * @throws \Illuminate\Broadcasting\BroadcastException If it is no such key.
     */
    public function encryption(): ?ChannelEncryption
    {
        return $this->masterKeyBase64 === null ? null : new ChannelEncryption($this->masterKeyBase64);
    }
}
