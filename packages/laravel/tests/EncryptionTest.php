<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\EncryptedPrivateChannel;
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\TestCase;

/**
 * Channels whose events only PHP and the pages can read.
 */
final class EncryptionTest extends TestCase
{
    private const CHANNEL = 'private-encrypted-foobar';

    public function testPagesGetTheKeyOfTheChannelAndCanReadItsEvents(): void
    {
        $site = new Site(['encryption_master_key_base64' => Site::MASTER_KEY]);
        $answer = json_decode((string) $site->auth(self::CHANNEL, user: '42')->getContent(), true);
        self::assertSame(['auth', 'shared_secret'], array_keys($answer));
        $key = hash('sha256', self::CHANNEL . base64_decode(Site::MASTER_KEY), true);
        self::assertSame(base64_encode($key), $answer['shared_secret']);

        Broadcast::connection()->broadcast([new EncryptedPrivateChannel('foobar')], 'order.paid', ['note' => 'ü/']);

        [$event] = $site->queued()->all();
        self::assertSame([self::CHANNEL], $event['channels']);
        self::assertSame(['nonce', 'ciphertext'], array_keys($event['payload']));
        [$nonce, $ciphertext] = array_map(base64_decode(...), array_values($event['payload']));
        self::assertSame('{"note":"\u00fc\/"}', sodium_crypto_secretbox_open($ciphertext, $nonce, $key));
    }

    public function testEachEncryptedChannelHasAKeyOfItsOwnAndAllAreQueuedTogether(): void
    {
        $site = new Site(['encryption_master_key_base64' => Site::MASTER_KEY]);
        $channels = ['private-user.42', self::CHANNEL, 'private-encrypted-other', 'orders'];
        Broadcast::connection()->broadcast($channels, 'order.paid', ['id' => 7, 'socket' => '1.2']);

        self::assertCount(1, $site->queued()->entries());
        $events = $site->queued()->all();
        self::assertSame(
            [[self::CHANNEL], ['private-encrypted-other'], ['private-user.42', 'orders']],
            array_column($events, 'channels')
        );
        self::assertSame(['1.2', '1.2', '1.2'], array_column($events, 'except'));
        self::assertSame(['id' => 7], $events[2]['payload']);
        $secrets = array_map(static fn (int $index): string => $events[$index]['payload']['ciphertext'], [0, 1]);
        self::assertNotSame($secrets[0], $secrets[1]);
    }

    public function testWithoutAMasterKeyNothingIsQueuedAndNobodyIsLetIn(): void
    {
        $site = new Site();
        $answer = $site->auth(self::CHANNEL, user: '42');
        self::assertSame(500, $answer->getStatusCode());
        self::assertStringContainsString('FASTAPI_ENCRYPTION_MASTER_KEY', (string) $answer->getContent());

        try {
            Broadcast::connection()->broadcast(['orders', self::CHANNEL], 'order.paid', ['id' => 7]);
            self::fail('it was queued');
        } catch (BroadcastException $exception) {
            self::assertStringContainsString('FASTAPI_ENCRYPTION_MASTER_KEY', $exception->getMessage());
        }
        self::assertSame([], $site->queued()->all());
    }

    /** Laravel makes the broadcaster at each start, because routes/channels.php needs it. */
    public function testAMasterKeyThatIsNoneConcernsEncryptedChannelsAlone(): void
    {
        $site = new Site(['encryption_master_key_base64' => base64_encode('too short')]);
        Broadcast::connection()->broadcast(['orders'], 'order.paid', ['id' => 7]);
        self::assertCount(1, $site->queued()->all());

        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage('32 bytes');
        Broadcast::connection()->broadcast([self::CHANNEL], 'order.paid', ['id' => 7]);
    }
}
