<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Which texts are names of channels.
 *
 * @internal
 */
final class ChannelName
{
    public const RULE = 'a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /';
    private const NAME = '~^(?:#server-to-user-)?[A-Za-z0-9_\-=@,.;:/]+$~D';
    private const MAX_BYTES = 200;

    public static function isValid(string $text): bool
    {
        return strlen($text) <= self::MAX_BYTES && preg_match(self::NAME, $text) === 1;
    }

    /** Whether clients may ask for it. Others address the clients of one user, and only producers use them. */
    public static function isForClients(string $text): bool
    {
        return self::isValid($text) && $text[0] !== '#';
    }
}
