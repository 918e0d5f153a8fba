<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Makes a token that the broadcaster takes, or says which argument is wrong.
 *
 * @internal
 */
final class NewToken
{
    private const MIN_SECRET_BYTES = 32;
    private const MAX_USER_BYTES = 200;
    private const MAX_CHANNELS = 128;
    private const MAX_ALLOWED = 256;
    private const MAX_TTL = 10 * 365 * 24 * 60 * 60;
    private const MAX_INFO_BYTES = 1024;
    private const MAX_BYTES = 8 * 1024;
    private const EVERYBODY = 'everybody';

    private function __construct(private readonly string $method)
    {
    }

    /**
     * @param array<mixed> $channels
     * @param array<mixed> $allow
     * @param array<mixed> $info
     *
     * @throws \ValueError
     */
    public static function create(
        string $method,
        #[\SensitiveParameter] string $secret,
        ?string $user,
        array $channels,
        array $allow,
        int $ttl,
        array $info,
    ): string {
        $new = new self($method);
        $info = $new->info($info);
        $bytes = strlen($secret);
        if ($bytes < self::MIN_SECRET_BYTES) {
            throw $new->wrong(1, 'secret', 'must have at least ' . self::MIN_SECRET_BYTES
                . " bytes, $bytes given: make one with `openssl rand -hex 32`");
        }
        $claims = $new->claims($user, $channels, $allow, $ttl, $info);
        $signed = self::base64url('{"typ":"JWT","alg":"HS256"}') . '.' . self::base64url($claims);
        $token = $signed . '.' . self::base64url(hash_hmac('sha256', $signed, $secret, true));
        if (strlen($token) > self::MAX_BYTES) {
            throw new \ValueError("$method(): such a token would be refused: it has more than "
                . self::MAX_BYTES . ' bytes');
        }

        return $token;
    }

    /**
     * @param array<mixed> $channels
     * @param array<mixed> $allow
     */
    private function claims(?string $user, array $channels, array $allow, int $ttl, ?string $info): string
    {
        $this->checkUser($user);
        if ($ttl < 1) {
            throw $this->wrong(5, 'ttl', "must be at least 1 (seconds), $ttl given");
        }
        $channels = $this->texts(3, 'channels', $channels);
        $allow = $this->texts(4, 'allow', $allow);
        if ($ttl > self::MAX_TTL) {
            throw $this->wrong(5, 'ttl', 'must be 1 second to 10 years');
        }
        $this->checkNames($channels, $allow);
        $this->checkSizes($user, $channels, $allow, $info);

        $claims = $user === null ? [] : ['"sub":' . Json::text($user)];
        $now = time();
        array_push($claims, "\"iat\":$now", '"exp":' . $now + $ttl);
        foreach (['channels' => $channels, 'allow' => $allow] as $claim => $texts) {
            if ($texts !== []) {
                $claims[] = "\"$claim\":[" . implode(',', array_map(Json::text(...), $texts)) . ']';
            }
        }
        if ($info !== null) {
            $claims[] = "\"info\":$info";
        }

        return '{' . implode(',', $claims) . '}';
    }

    private function checkUser(?string $user): void
    {
        if ($user === '') {
            throw $this->wrong(2, 'user', 'must not be empty: null is for a token without a user');
        }
        if ($user !== null && !Printable::isUtf8($user)) {
            throw $this->wrong(2, 'user', 'must be valid UTF-8, ' . Printable::quoted($user) . ' given');
        }
    }

    /**
     * @param list<string> $channels
     * @param list<string> $allow
     */
    private function checkNames(array $channels, array $allow): void
    {
        foreach ($channels as $name) {
            if (!ChannelName::isForClients($name)) {
                $quoted = Printable::quoted($name);

                throw $this->wrong(3, 'channels', "must be names of channels that clients may have, $quoted given: "
                    . ChannelName::RULE);
            }
        }
        foreach ($allow as $text) {
            $beginning = str_ends_with($text, '*') ? substr($text, 0, -1) : $text;
            if ($text !== self::EVERYBODY && $text !== '*' && !ChannelName::isForClients($beginning)) {
                throw $this->wrong(4, 'allow', 'must be names of channels, beginnings of names with a * at the end, or '
                    . '"everybody", ' . Printable::quoted($text) . ' given');
            }
        }
    }

    /**
     * @param list<string> $channels
     * @param list<string> $allow
     */
    private function checkSizes(?string $user, array $channels, array $allow, ?string $info): void
    {
        if (strlen($user ?? '') > self::MAX_USER_BYTES) {
            throw $this->wrong(2, 'user', 'must have 1 to ' . self::MAX_USER_BYTES . ' bytes');
        }
        if (count($channels) > self::MAX_CHANNELS) {
            throw $this->wrong(3, 'channels', 'must have at most ' . self::MAX_CHANNELS . ' names');
        }
        if (count($allow) > self::MAX_ALLOWED) {
            throw $this->wrong(4, 'allow', 'must have at most ' . self::MAX_ALLOWED . ' names and patterns');
        }
        if (strlen($info ?? '') > self::MAX_INFO_BYTES) {
            throw $this->wrong(6, 'info', 'must have at most ' . self::MAX_INFO_BYTES . ' bytes as JSON');
        }
    }

    /**
     * The claim as JSON, none if it is empty.
     *
     * @param array<mixed> $info
     */
    private function info(array $info): ?string
    {
        if ($info === []) {
            return null;
        }
        try {
            $text = Json::encode('', $info, Json::DEFAULT_DEPTH);
        } catch (Refusal $refusal) {
            throw $this->wrong(6, 'info', ltrim($refusal->getMessage()));
        }
        if ($text[0] !== '{') {
            throw $this->wrong(6, 'info', 'must have names as keys, a list given');
        }

        return $text;
    }

    /**
     * A list of texts. Keys do not count.
     *
     * @param array<mixed> $values
     *
     * @return list<string>
     */
    private function texts(int $number, string $name, array $values): array
    {
        $texts = [];
        foreach ($values as $value) {
            if (!is_string($value)) {
                $type = Arguments::typeOf($value);

                throw $this->wrong($number, $name, "must be a list of strings, $type given in it");
            }
            $texts[] = Printable::lossy($value);
        }

        return $texts;
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }

    private function wrong(int $number, string $name, string $rule): \ValueError
    {
        return new \ValueError("$this->method(): Argument #$number (\$$name) $rule");
    }
}
