<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use FASTAPI\WebSocket\Symfony\InMemoryPublisher;
use FASTAPI\WebSocket\Symfony\Messenger\EventTransportFactory;
use FASTAPI\WebSocket\Symfony\Tests\Support\NoEvent;
use FASTAPI\WebSocket\Symfony\Tests\Support\OrderPaid;
use FASTAPI\WebSocket\Symfony\Tests\Support\PayOrder;
use FASTAPI\WebSocket\Symfony\Tests\Support\PayOrderCommand;
use FASTAPI\WebSocket\Symfony\Tests\Support\Site;
use FASTAPI\WebSocket\Symfony\Tests\Support\StockChanged;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Exception\HandlerFailedException;
use Symfony\Component\Messenger\Exception\InvalidArgumentException;
use Symfony\Component\Messenger\Exception\TransportException;
use Symfony\Component\Messenger\MessageBusInterface;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Stamp\TransportMessageIdStamp;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;

/**
 * Messages that are routed to the transport fastapi://, with Symfony's own buses.
 */
final class MessengerTest extends TestCase
{
    private Site $site;

    private MessageBusInterface $bus;

    protected function setUp(): void
    {
        $this->site = new Site();
        $this->bus = $this->site->get(MessageBusInterface::class);
    }

    protected function tearDown(): void
    {
        unset($this->bus, $this->site);
    }

    public function testAMessageBecomesAnEventByItsAttribute(): void
    {
        $envelope = $this->plainBus()->dispatch(new OrderPaid(7, 42));

        [$event] = $this->site->queued()->all();
        self::assertSame('order.paid', $event['event']);
        self::assertSame(['id' => 7, 'userId' => 42], $event['payload']);
        self::assertSame(['private-user.42', 'orders'], $event['channels']);
        self::assertSame($event['uid'], $envelope->last(TransportMessageIdStamp::class)->getId());
        self::assertEqualsWithDelta(60, $event['expires_at'] - $event['timestamp'], 1);
    }

    public function testAMessageBecomesAnEventByTheInterface(): void
    {
        $this->plainBus()->dispatch(new StockChanged());

        [$event] = $this->site->queued()->all();
        self::assertSame('stock.changed', $event['event']);
        self::assertSame(['left' => 3], $event['payload']);
        self::assertNull($event['channels']);
    }

    /** @dataProvider refusedMessages */
    public function testWhatIsNoEventIsAnException(object $message, string $reason): void
    {
        try {
            $this->plainBus()->dispatch($message);
            self::fail('it is accepted');
        } catch (TransportException $exception) {
            self::assertStringContainsString($reason, $exception->getMessage());
        }
        self::assertSame([], $this->site->queuedNames());
    }

    /** @return array<string, array{object, string}> */
    public static function refusedMessages(): array
    {
        return [
            'neither attribute nor interface' => [new NoEvent(), 'AsClientEvent'],
            'an empty part of a channel' => [new OrderPaid(7, ''), 'public property userId'],
            'a channel that is not allowed' => [new OrderPaid(7, 'a b'), 'private-user.a b'],
            'a delay' => [new Envelope(new OrderPaid(7, 42), [new DelayStamp(1_000)]), 'delayed'],
        ];
    }

    /** @dataProvider stamped */
    public function testAMessageOfAHandlerIsSentAfterTheCommit(bool $isStamped): void
    {
        $seen = null;
        $this->site->get(PayOrder::class)->then = function () use (&$seen): void {
            $seen = $this->site->queuedNames();
        };

        $this->bus->dispatch(new PayOrderCommand(7, $isStamped));

        self::assertSame([], $seen);
        self::assertSame(['order.paid'], $this->site->queuedNames());
    }

    /** @dataProvider stamped */
    public function testAMessageOfAHandlerThatFailsIsNotSent(bool $isStamped): void
    {
        $this->site->get(PayOrder::class)->then = static fn () => throw new \DomainException('no money');

        try {
            $this->bus->dispatch(new PayOrderCommand(7, $isStamped));
            self::fail('the exception is lost');
        } catch (HandlerFailedException) {
            self::assertSame([], $this->site->queuedNames());
        }
        // Nothing of it is left over.
        $this->plainBus()->dispatch(new StockChanged());
        self::assertSame(['stock.changed'], $this->site->queuedNames());
    }

    /** @return array<string, array{bool}> */
    public static function stamped(): array
    {
        return ['dispatched in the handler' => [false], 'with DispatchAfterCurrentBusStamp' => [true]];
    }

    public function testTheTransportCannotBeConsumed(): void
    {
        [$code, $output] = $this->site->console('messenger:consume clients --limit=1');

        self::assertNotSame(0, $code);
        self::assertStringContainsString('only sends', $output);
    }

    /** @dataProvider wrongTransports */
    public function testATransportThatIsSetWronglyIsRefused(string $dsn, string $reason): void
    {
        $factory = new EventTransportFactory(new InMemoryPublisher());

        $this->expectException(InvalidArgumentException::class);
        $this->expectExceptionMessage($reason);
        $factory->createTransport($dsn, ['transport_name' => 'clients'], new PhpSerializer());
    }

    /** @return array<string, array{string, string}> */
    public static function wrongTransports(): array
    {
        return [
            'a directory' => ['fastapi:///var/lib/queue', 'fastapi_websocket.queue'],
            'an unknown option' => ['fastapi://default?tll=5', 'tll'],
            'no number' => ['fastapi://default?ttl=5m', 'ttl'],
            'an unknown priority' => ['fastapi://default?priority=urgent', 'priority'],
        ];
    }

    public function testTheTransportHasItsOwnTtlAndPriority(): void
    {
        $publisher = new InMemoryPublisher();
        $transport = (new EventTransportFactory($publisher))
            ->createTransport('fastapi://default?ttl=5&priority=low', [], new PhpSerializer());

        $transport->send(new Envelope(new StockChanged()));

        self::assertSame([5, 'low'], [$publisher->events()[0]['ttl'], $publisher->events()[0]['priority']]);
    }

    /** A bus without a transaction. */
    private function plainBus(): MessageBusInterface
    {
        return $this->site->get('plain_bus');
    }
}
