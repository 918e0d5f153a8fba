<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\Laravel\Tests\Support\Broadcaster;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\OrderShipped;
use FASTAPI\WebSocket\Laravel\Tests\Support\Waiting;
use FASTAPI\WebSocket\Laravel\Tests\Support\WebSocketClient;
use PHPUnit\Framework\TestCase;

/**
 * Events on their way to clients, with the real broadcaster.
 */
final class DeliveryTest extends TestCase
{
    private Site $site;

    private ?Broadcaster $broadcaster = null;

    protected function setUp(): void
    {
        $this->site = new Site();
    }

    protected function tearDown(): void
    {
        // Before its directory is removed.
        $this->broadcaster = null;
        unset($this->site);
    }

    public function testAClientOfAChannelReceivesWhatIsBroadcast(): void
    {
        $this->broadcaster = new Broadcaster($this->site->queuePath());
        $client = new WebSocketClient($this->broadcaster->address, '/?channel=orders');

        OrderShipped::dispatch();

        $message = $client->readEvent();
        self::assertStringContainsString('"payload":{"id":7,"price":19.9,"note":"a\/b \u00fc"}', $message);
        self::assertSame('order.shipped', json_decode($message, true)['event']);
        self::assertSame('orders', json_decode($message, true)['channel']);
    }

    public function testEventsThatWereBroadcastWhileNoBroadcasterRanArriveAfterItsStart(): void
    {
        $this->broadcaster = new Broadcaster($this->site->queuePath());
        // A page is rendered, then the broadcaster is stopped before it connects.
        $moment = EventQueue::now();
        $this->broadcaster = null;

        OrderShipped::dispatch();
        self::assertSame('paid', $this->site->post('/pay')->getContent());
        self::assertCount(2, $this->site->queued()->entries());

        $this->broadcaster = new Broadcaster($this->site->queuePath());
        Waiting::until('the queue is empty', fn (): bool => $this->site->queued()->entries() === []);
        $client = new WebSocketClient($this->broadcaster->address, "/?channel=orders&after=$moment");
        self::assertSame('order.shipped', json_decode($client->readEvent(), true)['event']);
    }
}
