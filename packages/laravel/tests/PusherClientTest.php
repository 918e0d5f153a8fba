<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\Laravel\Tests\Support\Broadcaster;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use FASTAPI\WebSocket\Laravel\Tests\Support\WebSocketClient;
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\TestCase;

/**
 * A client of the Pusher protocol between the site, which signs, and the real broadcaster, which checks.
 */
final class PusherClientTest extends TestCase
{
    private Site $site;

    private ?Broadcaster $broadcaster;

    protected function setUp(): void
    {
        $this->site = new Site(['encryption_master_key_base64' => Site::MASTER_KEY]);
        $app = sprintf("[[app]]\nid = \"1\"\nkey = \"%s\"\nsecret = \"%s\"\n", Site::KEY, Site::SECRET);
        $this->broadcaster = new Broadcaster($this->site->queuePath(), "public_channels = [\"*\"]\n$app");
    }

    protected function tearDown(): void
    {
        $this->broadcaster = null;
        unset($this->site);
    }

    /** @dataProvider channels */
    public function testTheBroadcasterAcceptsWhatTheSiteHasSigned(string $channel): void
    {
        [$client, $socketId] = $this->connected();
        $this->subscribe($client, $channel, $socketId);
        self::assertSame('pusher_internal:subscription_succeeded', $this->next($client)['event']);

        Broadcast::connection()->broadcast([$channel], 'order.paid', ['id' => 7]);
        $message = $this->next($client);
        self::assertSame(['order.paid', $channel], [$message['event'], $message['channel']]);
        $data = json_decode($message['data'], true);
        self::assertSame(str_contains($channel, 'encrypted') ? ['nonce', 'ciphertext'] : ['id'], array_keys($data));
    }

    /** @return list<array{string}> */
    public static function channels(): array
    {
        return [['private-user.42'], ['presence-room.1'], ['private-encrypted-foobar']];
    }

    public function testWhatIsSignedForOneConnectionIsOfNoUseForAnother(): void
    {
        [$client] = $this->connected();
        [, $socketId] = $this->connected();
        $this->subscribe($client, 'private-user.42', $socketId);

        self::assertSame('pusher:subscription_error', $this->next($client)['event']);
    }

    public function testToOthersLeavesOutTheConnection(): void
    {
        [$ours, $socketId] = $this->connected();
        [$theirs, $theirId] = $this->connected();
        foreach ([[$ours, $socketId], [$theirs, $theirId]] as [$client, $id]) {
            $this->subscribe($client, 'private-user.42', $id);
            $this->next($client);
        }

        self::assertSame('paid', $this->site->post('/pay', headers: ['X-Socket-ID' => $socketId])->getContent());
        Broadcast::connection()->broadcast(['private-user.42'], 'after', []);
        self::assertSame('after', $this->next($ours)['event']);
        self::assertSame(Site\OrderPaid::class, $this->next($theirs)['event']);
    }

    /** @return array{WebSocketClient, string} A client, and the id that the broadcaster has given it. */
    private function connected(): array
    {
        $client = new WebSocketClient($this->broadcaster->address, '/app/' . Site::KEY . '?protocol=7&client=js');
        $established = $this->next($client);
        self::assertSame('pusher:connection_established', $established['event']);

        return [$client, json_decode($established['data'], true)['socket_id']];
    }

    private function subscribe(WebSocketClient $client, string $channel, string $socketId): void
    {
        $answer = json_decode((string) $this->site->auth($channel, '42', $socketId)->getContent(), true);
        // The page keeps this one.
        unset($answer['shared_secret']);
        $client->send(json_encode(['event' => 'pusher:subscribe', 'data' => ['channel' => $channel] + $answer]));
    }

    /** @return array<string, mixed> */
    private function next(WebSocketClient $client): array
    {
        return json_decode($client->read(), true, flags: JSON_THROW_ON_ERROR);
    }
}
