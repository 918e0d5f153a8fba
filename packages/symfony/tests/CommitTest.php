<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\Driver\Exception as DriverException;
use Doctrine\DBAL\Driver\PDO\SQLite\Driver;
use Doctrine\ORM\EntityManagerInterface;
use FASTAPI\WebSocket\Symfony\Doctrine\TransactionMiddleware;
use FASTAPI\WebSocket\Symfony\Tests\Support\Errors;
use FASTAPI\WebSocket\Symfony\Tests\Support\Import;
use FASTAPI\WebSocket\Symfony\Tests\Support\Order;
use FASTAPI\WebSocket\Symfony\Tests\Support\Site;
use FASTAPI\WebSocket\Symfony\Transaction\OpenTransactions;
use PHPUnit\Framework\TestCase;

/**
 * Events that are published in a transaction of Doctrine, with a real database.
 */
final class CommitTest extends TestCase
{
    private Site $site;

    private Connection $connection;

    protected function setUp(): void
    {
        $this->site = new Site();
        $this->connection = $this->site->get(Connection::class);
    }

    protected function tearDown(): void
    {
        unset($this->connection, $this->site);
    }

    public function testAnEventWaitsForTheCommit(): void
    {
        $this->connection->beginTransaction();
        $uid = $this->site->publisher()->publish('a', channel: 'orders');
        self::assertSame([], $this->site->queuedNames());

        $this->connection->commit();

        self::assertSame($uid, $this->site->queued()->all()[0]['uid']);
        $this->site->publisher()->publish('b');
        self::assertSame(['a', 'b'], $this->site->queuedNames());
    }

    public function testAnEventOfATransactionThatIsRolledBackIsNotQueued(): void
    {
        $this->connection->beginTransaction();
        $this->site->publisher()->publish('a');
        $this->connection->rollBack();

        $this->site->publisher()->publish('b');
        self::assertSame(['b'], $this->site->queuedNames());
    }

    public function testAnEventOfAFlushWaitsForTheTransactionAroundIt(): void
    {
        $manager = $this->site->get(EntityManagerInterface::class);
        $manager->wrapInTransaction(function (EntityManagerInterface $manager): void {
            $manager->persist(new Order());
            // Begins and ends a transaction in the one around it, and calls postPersist and postFlush.
            $manager->flush();
            self::assertSame([], $this->site->queuedNames());
        });
        self::assertSame(['order.created'], $this->site->queuedNames());
        self::assertSame(1, $this->site->queued()->all()[0]['payload']['id']);

        try {
            $manager->wrapInTransaction(static function (EntityManagerInterface $manager): void {
                $manager->persist(new Order());
                $manager->flush();
                throw new \DomainException('no money');
            });
            self::fail('the exception is lost');
        } catch (\DomainException) {
            self::assertSame(['order.created'], $this->site->queuedNames());
        }
    }

    public function testAnEventOfAFlushAloneIsQueuedAfterTheFlush(): void
    {
        $manager = $this->site->get(EntityManagerInterface::class);
        $manager->persist(new Order());
        $manager->flush();

        self::assertSame(['order.created'], $this->site->queuedNames());
    }

    public function testWhatIsRolledBackToASavepointIsNotQueued(): void
    {
        $this->connection->setNestTransactionsWithSavepoints(true);
        $publisher = $this->site->publisher();

        $this->connection->beginTransaction();
        $publisher->publish('a');
        $this->connection->beginTransaction();
        $publisher->publish('rolled back');
        $this->connection->beginTransaction();
        $publisher->publish('within it');
        $this->connection->commit();
        $this->connection->rollBack();
        $this->connection->beginTransaction();
        $publisher->publish('b');
        $this->connection->commit();
        $publisher->publish('c');
        self::assertSame([], $this->site->queuedNames());
        $this->connection->commit();

        self::assertSame(['a', 'b', 'c'], $this->site->queuedNames());
    }

    public function testAWrongEventIsRefusedAtTheCallAndNotAtTheCommit(): void
    {
        $warnings = [];
        set_error_handler(static function (int $level, string $message) use (&$warnings): bool {
            $warnings[] = $message;

            return true;
        });
        $this->connection->beginTransaction();
        try {
            $this->site->publisher()->publishAll([['event' => 'a'], ['event' => 'b', 'channel' => 'not allowed']]);
            self::fail('a wrong channel is accepted');
        } catch (\ValueError) {
            $this->connection->commit();
        } finally {
            restore_error_handler();
        }

        self::assertSame([], $warnings);
        self::assertSame([], $this->site->queuedNames());
        self::assertSame([], $this->site->get(Errors::class)->errors);
    }

    public function testThePayloadIsThatOfTheCall(): void
    {
        $order = new Order();
        $order->id = 1;
        $this->connection->beginTransaction();
        $this->site->publisher()->publish('a', $order);
        $order->id = 2;
        $this->connection->commit();

        self::assertSame(['id' => 1], $this->site->queued()->all()[0]['payload']);
    }

    public function testACommitSucceedsAlsoIfTheEventsCannotBeQueuedAndTheyAreLogged(): void
    {
        $this->connection->beginTransaction();
        $this->connection->executeStatement('INSERT INTO orders (id) VALUES (7)');
        $uid = $this->site->publisher()->publish('a');
        rmdir($this->site->queue);
        file_put_contents($this->site->queue, 'no directory');
        $this->connection->commit();

        self::assertSame(7, (int) $this->connection->fetchOne('SELECT id FROM orders'));
        [$error] = $this->site->get(Errors::class)->errors;
        self::assertStringContainsString($uid, $error);
        self::assertStringContainsString($this->site->queue, $error);
    }

    public function testAConnectionThatIsClosedInATransactionHoldsNothingBack(): void
    {
        $this->connection->beginTransaction();
        $this->site->publisher()->publish('lost');
        $this->connection->close();

        $this->site->publisher()->publish('b');
        self::assertSame(['b'], $this->site->queuedNames());
    }

    public function testACommitThatFailsQueuesNothingAndHoldsNothingBack(): void
    {
        $middleware = $this->site->get(TransactionMiddleware::class);
        // Without DBAL's own object, which calls rollBack() after a failure in some versions.
        $connection = $middleware->wrap(new Driver())->connect(['memory' => true]);
        $connection->exec('PRAGMA foreign_keys = ON');
        $connection->exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)');
        $connection->exec(
            'CREATE TABLE lines (id INTEGER, FOREIGN KEY (id) REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)'
        );
        $connection->beginTransaction();
        $connection->exec('INSERT INTO lines (id) VALUES (99)');
        $this->site->publisher()->publish('a');
        try {
            $connection->commit();
            self::fail('the database accepts a wrong key');
        } catch (DriverException) {
            $this->site->publisher()->publish('b');
        }

        self::assertSame(['b'], $this->site->queuedNames());
    }

    public function testTheImmediatePublisherDoesNotWait(): void
    {
        $this->connection->beginTransaction();
        $this->site->get(Import::class)->immediatePublisher->publish('import.progress');

        self::assertSame(['import.progress'], $this->site->queuedNames());
        $this->connection->rollBack();
    }

    public function testCodeWithoutDoctrineCanTellOfItsTransactions(): void
    {
        $transactions = $this->site->get(OpenTransactions::class);
        $ours = new \stdClass();

        $transactions->begun($ours);
        $this->connection->beginTransaction();
        $this->site->publisher()->publish('a');
        $this->connection->commit();
        self::assertSame([], $this->site->queuedNames());
        $transactions->committed($ours);

        self::assertSame(['a'], $this->site->queuedNames());
    }

    public function testNestedTransactionsThatHaveEndedTakeNoMemory(): void
    {
        $this->connection->setNestTransactionsWithSavepoints(true);
        $this->connection->beginTransaction();
        $nest = function (int $times): void {
            for ($i = 0; $i < $times; ++$i) {
                $this->connection->beginTransaction();
                $this->connection->commit();
            }
        };
        $nest(10);
        $before = memory_get_usage();
        $nest(2_000);

        self::assertLessThan(100_000, memory_get_usage() - $before);
        $this->connection->commit();
    }

    public function testARollbackOfAnotherConnectionThatBeganLaterDropsNothingOfOurs(): void
    {
        $transactions = $this->site->get(OpenTransactions::class);
        $other = new \stdClass();

        $this->connection->beginTransaction();
        $this->site->publisher()->publish('ours');
        $transactions->begun($other);
        $this->site->publisher()->publish('theirs');
        $this->connection->commit();
        self::assertSame(['ours'], $this->site->queuedNames());
        $transactions->rolledBack($other);

        self::assertSame(['ours'], $this->site->queuedNames());
    }
}
