<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\Laravel\AppCredentials;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use PHPUnit\Framework\TestCase;
use Symfony\Component\HttpFoundation\Response;

/**
 * What /broadcasting/auth answers. Expected signatures are those of Pusher's documentation, or computed by the program
 * `openssl`.
 */
final class AuthTest extends TestCase
{
    private Site $site;

    protected function setUp(): void
    {
        $this->site = new Site();
    }

    protected function tearDown(): void
    {
        unset($this->site);
    }

    public function testAPrivateChannelGetsTheSignatureOfPushersDocumentation(): void
    {
        $answer = $this->site->auth('private-foobar', user: '42');

        self::assertSame(200, $answer->getStatusCode());
        self::assertSame(
            ['auth' => Site::KEY . ':58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4'],
            self::decoded($answer)
        );
    }

    public function testThePresenceExampleOfPushersDocumentationHasItsSignature(): void
    {
        $data = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}';
        $auth = (new AppCredentials(Site::KEY, Site::SECRET))->authOfChannel('1234.1234', 'presence-foobar', $data);

        self::assertSame(Site::KEY . ':31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80', $auth);
    }

    public function testAUserIsSignedAsPushersDocumentationSays(): void
    {
        $data = '{"id":"12345"}';
        $auth = (new AppCredentials(Site::KEY, Site::SECRET))->authOfUser('1234.1234', $data);

        self::assertSame(Site::KEY . ':' . self::hmac("1234.1234::user::$data"), $auth);
    }

    public function testAMemberOfAPresenceChannelIsSignedWithItsData(): void
    {
        $answer = self::decoded($this->site->auth('presence-room.1', user: '42'));

        self::assertSame(['auth', 'channel_data'], array_keys($answer));
        $member = ['user_id' => '42', 'user_info' => ['name' => '42', 'äöü' => '/']];
        self::assertSame($member, json_decode($answer['channel_data'], true));
        $signed = "1234.1234:presence-room.1:{$answer['channel_data']}";
        self::assertSame(Site::KEY . ':' . self::hmac($signed), $answer['auth']);
    }

    /** @dataProvider allowed */
    public function testWhoMayReadAChannelGetsItsSignature(string $channel): void
    {
        $answer = $this->site->auth($channel, user: '42');

        self::assertSame(200, $answer->getStatusCode(), (string) $answer->getContent());
        self::assertSame(['auth' => Site::KEY . ':' . self::hmac("1234.1234:$channel")], self::decoded($answer));
    }

    /** @return iterable<string, array{string}> */
    public static function allowed(): iterable
    {
        yield 'his own' => ['private-user.42'];
        yield 'that of his model' => ['private-order.7'];
        yield 'by a class' => ['private-cart.7'];
        yield 'of a model class' => ['private-Shop.Order.7'];
    }

    /** @dataProvider refused */
    public function testWhoMayNotReadAChannelIsRefused(mixed $channel, ?string $user, mixed $socketId = '1.1'): void
    {
        $answer = $this->site->auth($channel, $user, $socketId);

        self::assertSame(403, $answer->getStatusCode(), (string) $answer->getContent());
        self::assertStringNotContainsString(Site::KEY, (string) $answer->getContent());
    }

    /** @return iterable<string, array> */
    public static function refused(): iterable
    {
        yield 'nobody is logged in' => ['private-foobar', null];
        yield 'nobody, presence' => ['presence-room.1', null];
        yield 'that of another user' => ['private-user.43', '42'];
        yield 'the model of another user' => ['private-order.8', '42'];
        yield 'a model that does not exist' => ['private-order.9', '42'];
        yield 'the class says no' => ['private-cart.8', '42'];
        yield 'no such channel' => ['private-unknown', '42'];
        yield 'another guard' => ['private-staff', '42'];
        yield 'a public channel' => ['foobar', '42'];
        yield 'the channel of a user that signs in' => ['#server-to-user-42', '42'];
        yield 'no channel' => [null, '42'];
        yield 'several channels' => [['private-foobar'], '42'];
        yield 'a channel with a colon' => ['private-foobar:x', '42'];
        yield 'a channel with a line end' => ["private-foobar\n", '42'];
        yield 'no socket' => ['private-foobar', '42', null];
        yield 'a socket that is none' => ['private-foobar', '42', '1234'];
        yield 'a socket that pretends to be a user' => ['private-foobar', '42', '1.1::user::{"id":"1"}'];
        yield 'a socket with a channel' => ['private-foobar', '42', '1.1:private-user.43'];
        yield 'several sockets' => ['private-foobar', '42', ['1.1']];
    }

    public function testTheGuardOfAChannelDecidesWhoTheUserIs(): void
    {
        $fields = ['channel_name' => 'private-staff', 'socket_id' => '1.1'];
        $answer = $this->site->post('/broadcasting/auth', $fields, ['X-Staff' => '1']);

        self::assertSame(200, $answer->getStatusCode());
    }

    public function testWithoutKeyAndSecretNothingIsSigned(): void
    {
        $site = new Site(['secret' => null]);
        $answer = $site->auth('private-foobar', user: '42');

        self::assertSame(500, $answer->getStatusCode());
        self::assertStringContainsString('FASTAPI_APP_SECRET', (string) $answer->getContent());
    }

    public function testTheSecretIsInNoAnswer(): void
    {
        foreach (['private-foobar', 'private-unknown', 'private-encrypted-foobar'] as $channel) {
            self::assertStringNotContainsString(Site::SECRET, (string) $this->site->auth($channel, '42')->getContent());
        }
    }

    private static function hmac(string $text): string
    {
        $openssl = proc_open(
            ['openssl', 'dgst', '-sha256', '-hmac', Site::SECRET, '-r'],
            [['pipe', 'r'], ['pipe', 'w']],
            $pipes
        );
        fwrite($pipes[0], $text);
        fclose($pipes[0]);
        $output = stream_get_contents($pipes[1]);
        self::assertSame(0, proc_close($openssl));

        return substr($output, 0, 64);
    }

    private static function decoded(Response $answer): array
    {
        return json_decode((string) $answer->getContent(), true, flags: JSON_THROW_ON_ERROR);
    }
}
