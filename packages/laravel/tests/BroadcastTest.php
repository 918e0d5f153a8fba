<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\Laravel\FastapiBroadcaster;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\InvoicePaid;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\Order;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\OrderPaid;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\OrderShipped;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site\User;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\TestCase;

/**
 * What is in the queue directory after a broadcast.
 */
final class BroadcastTest extends TestCase
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

    public function testAnEventIsQueuedForItsChannelUnderTheNameOfItsClass(): void
    {
        event(new OrderPaid(7));

        [$event] = $this->site->queued()->all();
        self::assertSame(OrderPaid::class, $event['event']);
        self::assertSame(['id' => 7], $event['payload']);
        self::assertSame(['private-user.42'], $event['channels']);
        self::assertArrayNotHasKey('except', $event);
        self::assertArrayNotHasKey('expires_at', $event);
        self::assertCount(1, $this->site->queued()->entries());
    }

    public function testNameAndPayloadCanBeOthersAndSeveralChannelsAreOneEvent(): void
    {
        OrderShipped::dispatch();

        [$event] = $this->site->queued()->all();
        self::assertSame('order.shipped', $event['event']);
        self::assertSame(['id' => 7, 'price' => 19.90, 'note' => 'a/b ü'], $event['payload']);
        self::assertSame(['orders', 'presence-room.1'], $event['channels']);
        self::assertCount(1, $this->site->queued()->all());
    }

    public function testToOthersLeavesOutTheConnectionOfTheRequest(): void
    {
        self::assertSame('paid', $this->site->post('/pay', headers: ['X-Socket-ID' => '12.34'])->getContent());

        [$event] = $this->site->queued()->all();
        self::assertSame('12.34', $event['except']);
        self::assertSame(['id' => 7], $event['payload']);
    }

    /** @dataProvider idsThatNoClientHas */
    public function testAWrongSocketIdOfTheBrowserDoesNotPreventTheEvent(string $id): void
    {
        self::assertSame('paid', $this->site->post('/pay', headers: ['X-Socket-ID' => $id])->getContent());

        [$event] = $this->site->queued()->all();
        self::assertArrayNotHasKey('except', $event);
        self::assertSame(['id' => 7], $event['payload']);
    }

    /** @return list<array{string}> */
    public static function idsThatNoClientHas(): array
    {
        return [[''], [str_repeat('1', 65)], ["\xFF"], ["12.34\n"]];
    }

    /** @dataProvider nothing */
    public function testAnEventWithoutChannelsIsNotQueued(mixed $channels): void
    {
        event(new OrderPaid(7, $channels));
        Broadcast::connection()->broadcast([], 'order.paid', ['id' => 7]);

        self::assertSame([], $this->site->queued()->all());
    }

    /** @return list<array{mixed}> */
    public static function nothing(): array
    {
        return [[[]], [null]];
    }

    public function testANotificationIsQueuedForTheChannelOfTheUser(): void
    {
        User::named('42')->notify(new InvoicePaid());

        [$event] = $this->site->queued()->all();
        self::assertSame(['private-' . str_replace('\\', '.', User::class) . '.42'], $event['channels']);
        self::assertSame(7, $event['payload']['invoice']);
        self::assertSame(InvoicePaid::class, $event['payload']['type']);
        self::assertSame('Illuminate\Notifications\Events\BroadcastNotificationCreated', $event['event']);
    }

    public function testAModelIsAChannel(): void
    {
        event(new OrderPaid(7, new PrivateChannel(new Order('7', '42'))));

        self::assertSame(['private-Shop.Order.7'], $this->site->queued()->all()[0]['channels']);
    }

    public function testAChannelThatIsNamedTwiceCountsOnce(): void
    {
        Broadcast::connection()->broadcast(['a', new Channel('b'), 'a'], 'order.paid', []);

        [$event] = $this->site->queued()->all();
        self::assertSame(['a', 'b'], $event['channels']);
        self::assertSame([], $event['payload']);
    }

    public function testMoreChannelsThanAnEventMayHaveAreQueuedTogether(): void
    {
        $names = array_map(static fn (int $number): string => "channel.$number", range(1, 250));
        Broadcast::connection()->broadcast($names, 'order.paid', ['id' => 7, 'socket' => '1.2']);

        $events = $this->site->queued()->all();
        self::assertSame([100, 100, 50], array_map(count(...), array_column($events, 'channels')));
        self::assertSame($names, array_merge(...array_column($events, 'channels')));
        self::assertSame(['1.2', '1.2', '1.2'], array_column($events, 'except'));
        self::assertCount(1, $this->site->queued()->entries());
    }

    /** @dataProvider whatCannotBeQueued */
    public function testWhatCannotBeQueuedIsAnException(array $channels, mixed $value, string $reason): void
    {
        try {
            Broadcast::connection()->broadcast($channels, 'order.paid', ['value' => $value]);
            self::fail('it was queued');
        } catch (BroadcastException $exception) {
            self::assertStringStartsWith('event order.paid was not queued: ', $exception->getMessage());
            self::assertStringContainsString($reason, $exception->getMessage());
        }
        self::assertSame([], $this->site->queued()->all());
    }

    /** @return iterable<string, array{list<string>, mixed, string}> */
    public static function whatCannotBeQueued(): iterable
    {
        yield 'a space in the name' => [['private-a b'], 1, '"private-a b" given: a channel name has 1 to 200'];
        yield 'no name' => [[''], 1, 'a channel name has 1 to 200'];
        yield 'one wrong name of many' => [[...range(1, 150), 'ü'], 1, '"ü" given'];
        yield 'a number that JSON does not have' => [['orders'], NAN, 'Inf and NaN cannot be JSON encoded'];
        yield 'more than an event may have' => [['orders'], str_repeat('x', 2_000_000), 'max_event_bytes'];
    }

    public function testADirectoryThatCannotBeWrittenIsAnException(): void
    {
        $site = new Site(['queue' => '/proc/nowhere']);

        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage('/proc/nowhere');
        $site->app->make('Illuminate\Broadcasting\BroadcastManager')->connection()->broadcast(['a'], 'order.paid');
    }

    /**
     * @dataProvider settingsThatAreRefused
     * @param array<string, mixed> $settings
     */
    public function testASettingThatIsRefusedIsNamedWithItsValue(array $settings, string $reason): void
    {
        $site = new Site($settings);

        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage("event order.paid was not queued: $reason");
        $site->app->make('Illuminate\Broadcasting\BroadcastManager')->connection()->broadcast(['a'], 'order.paid');
    }

    /** @return iterable<string, array{array<string, mixed>, string}> */
    public static function settingsThatAreRefused(): iterable
    {
        $seconds = 'ttl (FASTAPI_TTL) must be a whole number of seconds, at least 1,';
        yield 'a ttl that is no number' => [['ttl' => 'abc'], "$seconds \"abc\" given"];
        yield 'no time at all' => [['ttl' => 0], "$seconds \"0\" given"];
        yield 'a part of a second' => [['ttl' => 0.5], "$seconds \"0.5\" given"];
        $names = 'priority (FASTAPI_PRIORITY) must be high, normal or low,';
        yield 'no priority' => [['priority' => 'urgent'], "$names \"urgent\" given"];
    }

    public function testAConnectionHasSettingsOfItsOwn(): void
    {
        $site = new Site(['ttl' => 600], [
            'fastapi' => ['driver' => 'fastapi'],
            'hints' => ['driver' => 'fastapi', 'ttl' => '5', 'priority' => 'low', 'queue' => null],
        ]);
        $broadcasts = $site->app->make('Illuminate\Broadcasting\BroadcastManager');
        self::assertInstanceOf(FastapiBroadcaster::class, $broadcasts->connection('hints'));
        $broadcasts->connection('hints')->broadcast(['a'], 'typing');
        $broadcasts->connection()->broadcast(['a'], 'message');

        $queued = $site->queued();
        self::assertStringEndsWith('.low.events', $queued->entries()[0]);
        $seconds = static fn (array $event): float => round($event['expires_at'] - $event['queued_at']);
        self::assertSame([5.0, 600.0], array_map($seconds, $queued->all()));
    }
}
