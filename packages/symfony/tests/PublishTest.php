<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use FASTAPI\WebSocket\Symfony\EventPublisher;
use FASTAPI\WebSocket\Symfony\InMemoryPublisher;
use FASTAPI\WebSocket\Symfony\NotQueued;
use FASTAPI\WebSocket\Symfony\QueuePublisher;
use FASTAPI\WebSocket\Symfony\Tests\Support\Services;
use FASTAPI\WebSocket\Symfony\Tests\Support\Site;
use PHPUnit\Framework\TestCase;

/**
 * The service that applications publish with, without a transaction.
 */
final class PublishTest extends TestCase
{
    public function testAnEventIsQueuedWithItsNamePayloadAndChannel(): void
    {
        $site = new Site();

        $uid = $site->publisher()->publish('order.paid', ['id' => 7], 'private-user.42', key: 'order-7');

        [$event] = $site->queued()->all();
        self::assertSame($uid, $event['uid']);
        self::assertSame('order.paid', $event['event']);
        self::assertSame(['id' => 7], $event['payload']);
        self::assertSame(['private-user.42'], $event['channels']);
        self::assertSame('order-7', $event['key']);
        self::assertArrayNotHasKey('expires_at', $event);
    }

    public function testTheConfigurationSaysHowLongAndHowUrgentEventsAreIfTheCallDoesNot(): void
    {
        $site = new Site();
        $settings = ['queue' => $site->queue, 'ttl' => 60, 'priority' => 'low'];
        $publisher = Services::with($settings)->get(EventPublisher::class);

        $publisher->publish('a');
        $publisher->publish('b', ttl: 6_000, priority: 'high');
        $publisher->publishAll([['event' => 'c']]);

        $lanes = preg_replace('/\A[^.]+/', '', $site->queued()->entries());
        self::assertEqualsCanonicalizing(['.low.events', '.high.events', '.low.events'], $lanes);
        $ttls = [];
        foreach ($site->queued()->all() as $event) {
            $ttls[$event['event']] = $event['expires_at'] - $event['timestamp'];
        }
        self::assertEqualsWithDelta(['a' => 60, 'b' => 6_000, 'c' => 60], $ttls, 1);
    }

    public function testSeveralEventsAreQueuedTogetherOrNotAtAll(): void
    {
        $site = new Site();

        $uids = $site->publisher()->publishAll([['event' => 'a', 'channel' => 'x'], ['event' => 'b']]);
        self::assertCount(2, $uids);
        self::assertCount(1, $site->queued()->entries());

        try {
            $site->publisher()->publishAll([['event' => 'c'], ['event' => 'd', 'channel' => 'not allowed']]);
            self::fail('a wrong channel is accepted');
        } catch (\ValueError) {
            self::assertSame(['a', 'b'], $site->queuedNames());
        }
    }

    public function testWhatCannotBeQueuedIsAnExceptionThatSaysWhy(): void
    {
        $publisher = Services::with(['queue' => '/proc/no/such/queue'])->get(EventPublisher::class);

        $this->expectException(NotQueued::class);
        $this->expectExceptionMessage('/proc/no');
        $publisher->publish('a');
    }

    public function testPreparedEventsThatAreDroppedAreNotQueued(): void
    {
        $site = new Site();

        $dropped = $site->publisher()->prepare([['event' => 'a']]);
        unset($dropped);
        $prepared = $site->publisher()->prepare([['event' => 'b']]);
        self::assertSame([], $site->queuedNames());

        $prepared->queue();
        self::assertSame(['b'], $site->queuedNames());
    }

    public function testInMemoryEventsAreKeptAndNotQueued(): void
    {
        $services = Services::with(['in_memory' => true, 'queue' => '/proc/no/such/queue']);

        $services->get(EventPublisher::class)->publish('order.paid', ['id' => 7], 'private-user.42', ttl: 5);

        $memory = $services->get(InMemoryPublisher::class);
        self::assertEquals([[
            'event' => 'order.paid',
            'payload' => ['id' => 7],
            'channel' => 'private-user.42',
            'ttl' => 5,
            'priority' => 'normal',
            'key' => null,
            'except' => null,
        ]], $memory->events());
        $memory->reset();
        self::assertSame([], $memory->events());
    }

    public function testInMemoryWhatTheQueueWouldRefuseIsRefused(): void
    {
        $publisher = Services::with(['in_memory' => true])->get(EventPublisher::class);

        $this->expectException(\ValueError::class);
        $publisher->publish('a', channel: 'not allowed');
    }

    public function testWithoutAfterCommitTheServiceIsTheQueueItself(): void
    {
        $services = Services::with(['after_commit' => false]);

        self::assertInstanceOf(QueuePublisher::class, $services->get(EventPublisher::class));
    }
}
