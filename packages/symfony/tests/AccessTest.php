<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use FASTAPI\WebSocket\Symfony\Security\Access;
use FASTAPI\WebSocket\Symfony\Security\TokenFactory;
use FASTAPI\WebSocket\Symfony\Tests\Support\Site;
use PHPUnit\Framework\TestCase;
use Twig\Environment;

/**
 * Tokens and answers to auth_hook, for who is logged in by Symfony's own security.
 */
final class AccessTest extends TestCase
{
    public function testAPageGetsTheTokenOfWhoIsLoggedIn(): void
    {
        $site = new Site();

        $answer = $site->ask('/realtime-token', '42');

        self::assertSame(200, $answer->getStatusCode());
        self::assertStringContainsString('no-store', $answer->headers->get('Cache-Control'));
        $claims = $this->claims(json_decode($answer->getContent(), true)['token']);
        self::assertSame('42', $claims['sub']);
        self::assertSame(['private-user.42'], $claims['channels']);
        self::assertSame(['private-room.*'], $claims['allow']);
        self::assertSame(600, $claims['exp'] - $claims['iat']);
    }

    public function testTheBroadcasterIsToldWhoIsLoggedIn(): void
    {
        $site = new Site();

        $answer = $site->ask('/ws-auth', '42');

        self::assertSame(200, $answer->getStatusCode());
        self::assertSame(
            ['user' => '42', 'channels' => ['private-user.42'], 'allow' => ['private-room.*'], 'expires_in' => 3600],
            json_decode($answer->getContent(), true)
        );
    }

    public function testWhoIsNotLoggedInGets401(): void
    {
        $site = new Site();

        self::assertSame(401, $site->ask('/realtime-token')->getStatusCode());
        self::assertSame(401, $site->ask('/ws-auth')->getStatusCode());
    }

    public function testATemplateHasTheAddressAndATokenOrNull(): void
    {
        $site = new Site();
        $twig = $site->get(Environment::class);
        $template = $twig->createTemplate('{{ {url: fastapi_url(), token: fastapi_token()}|json_encode|raw }}');

        self::assertSame(
            ['url' => 'wss://example.com/ws', 'token' => null],
            json_decode($template->render(), true)
        );
    }

    public function testATokenIsMadeOfAnyAccess(): void
    {
        $tokens = new TokenFactory(secret: Site::SECRET);

        $claims = $this->claims($tokens->create(new Access(null, ['public.news'], [], ['name' => 'Ann']), ttl: 5));

        self::assertArrayNotHasKey('sub', $claims);
        self::assertSame(['name' => 'Ann'], $claims['info']);
        self::assertSame(5, $claims['exp'] - $claims['iat']);
    }

    public function testAMissingFileOfTheSecretIsAnExceptionThatNamesIt(): void
    {
        $tokens = new TokenFactory(secretFile: '/no/such/secret');

        $this->expectException(\LogicException::class);
        $this->expectExceptionMessage('/no/such/secret');
        $tokens->create(new Access('42'));
    }

    /** @return array<string, mixed> */
    private function claims(string $token): array
    {
        [$head, $claims, $signature] = explode('.', $token);
        $expected = hash_hmac('sha256', "$head.$claims", Site::SECRET, true);
        self::assertSame(rtrim(strtr(base64_encode($expected), '+/', '-_'), '='), $signature);

        return json_decode(base64_decode(strtr($claims, '-_', '+/')), true);
    }
}
