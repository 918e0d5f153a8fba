<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel;

use Illuminate\Broadcasting\BroadcastException;

/**
 * Encrypts the events of `private-encrypted-` channels, as Pusher's libraries do: the broadcaster never has the key.
 */
final class ChannelEncryption
{
    private const PREFIX = 'private-encrypted-';

    /** What `sodium_crypto_secretbox()` takes. */
    private const KEY_BYTES = 32;

    private readonly string $masterKey;

    /** @throws BroadcastException If it is not the base64 text of 32 bytes, or PHP has no libsodium. */
    public function __construct(#[\SensitiveParameter] string $masterKeyBase64)
    {
        $masterKey = base64_decode($masterKeyBase64, true);
        if ($masterKey === false || strlen($masterKey) !== self::KEY_BYTES) {
            throw new BroadcastException(
                'encryption_master_key_base64 is not the base64 text of 32 bytes: openssl rand -base64 32 makes one'
            );
        }
        if (! function_exists('sodium_crypto_secretbox')) {
            throw new BroadcastException('private-encrypted- channels need the PHP extension sodium');
        }
        $this->masterKey = $masterKey;
    }

    public static function isFor(string $channel): bool
    {
        return str_starts_with($channel, self::PREFIX);
    }

    /** The key of a channel as clients get it with their permission to subscribe. */
    public function sharedSecret(string $channel): string
    {
        return base64_encode($this->keyOf($channel));
    }

    /**
     * @return array{nonce: string, ciphertext: string}
     * @throws \JsonException
     */
    public function encrypt(string $channel, mixed $payload): array
    {
        $nonce = random_bytes(SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
        $ciphertext = sodium_crypto_secretbox(
            json_encode($payload, JSON_THROW_ON_ERROR),
            $nonce,
            $this->keyOf($channel)
        );

        return ['nonce' => base64_encode($nonce), 'ciphertext' => base64_encode($ciphertext)];
    }

    private function keyOf(string $channel): string
    {
        return hash('sha256', $channel . $this->masterKey, true);
    }
}
