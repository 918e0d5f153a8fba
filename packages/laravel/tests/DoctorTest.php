<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\Laravel\Doctor\BroadcasterCheck;
use FASTAPI\WebSocket\Laravel\Doctor\Finding;
use FASTAPI\WebSocket\Laravel\Doctor\Grade;
use FASTAPI\WebSocket\Laravel\Doctor\QueueDirectoryCheck;
use FASTAPI\WebSocket\Laravel\Tests\Support\Artisan;
use FASTAPI\WebSocket\Laravel\Tests\Support\AsNobody;
use FASTAPI\WebSocket\Laravel\Tests\Support\Broadcaster;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use FASTAPI\WebSocket\Laravel\Tests\Support\TemporaryDirectory;
use PHPUnit\Framework\TestCase;

/**
 * What `artisan fastapi:doctor` finds, with faults that are really there.
 */
final class DoctorTest extends TestCase
{
    public function testASiteThatIsSetUpIsWell(): void
    {
        $artisan = new Artisan();
        $broadcaster = new Broadcaster($artisan->queue);
        [$code, $output] = $artisan->run(['fastapi:doctor']);

        self::assertSame(0, $code, $output);
        self::assertStringNotContainsString('BAD', $output);
        foreach (
            [
                'ok   the extension fastapi_websocket ' . phpversion('fastapi_websocket') . ' is loaded',
                "can write to the queue directory $artisan->queue (",
                ', mode 2770)',
                'ok   a broadcaster ' . phpversion('fastapi_websocket') . " reads $artisan->queue",
                'ok   events are broadcast by the connection fastapi',
                'ok   key and secret of the app are set (the key is ' . Site::KEY . ')',
                'ok   clients ask /broadcasting/auth for their channels',
                'ok   channels that are registered: foobar, user.{id}',
                'ok   events are broadcast in the request itself',
            ] as $line
        ) {
            self::assertStringContainsString($line, $output);
        }
        self::assertStringNotContainsString(Site::SECRET, $output);
        // It looks only, and queues nothing.
        self::assertSame([], preg_grep('/\A[^.].*\./', scandir($artisan->queue)));
        unset($broadcaster);
    }

    /**
     * @dataProvider faults
     * @param array<string, string|null> $variables
     */
    public function testAFaultIsToldWithItsRemedy(array $variables, string $fault, string $remedy): void
    {
        $artisan = new Artisan($variables);
        $broadcaster = new Broadcaster($artisan->queue);
        [$code, $output] = $artisan->run(['fastapi:doctor']);

        self::assertSame(1, $code, $output);
        [$fault, $remedy] = [preg_quote($fault, '/'), preg_quote($remedy, '/')];
        self::assertMatchesRegularExpression("/^BAD  .*$fault.*\n     -> .*$remedy/m", $output);
        unset($broadcaster);
    }

    /** @return iterable<string, array{array<string, string|null>, string, string}> */
    public static function faults(): iterable
    {
        yield 'not the default' => [['BROADCAST_CONNECTION' => 'log'], "connection 'log'", 'set BROADCAST_CONNECTION'];
        yield 'no key' => [['FASTAPI_APP_KEY' => null], 'key or secret is not set', 'FASTAPI_APP_KEY'];
        yield 'no secret' => [['FASTAPI_APP_SECRET' => ''], 'key or secret is not set', 'FASTAPI_APP_SECRET'];
        yield 'no routes' => [['SITE_HAS_CHANNELS' => 'false'], 'no route answers', 'Broadcast::routes()'];
        yield 'no directory set' => [['FASTAPI_QUEUE' => null], 'no queue directory is set', 'FASTAPI_QUEUE'];
        yield 'a relative directory' => [['FASTAPI_QUEUE' => 'queue'], 'queue is relative', 'the whole path'];
        yield 'no such directory' => [['FASTAPI_QUEUE' => '/nowhere/q'], '/nowhere/q does not exist', 'install -d'];
        $typo = ['BROADCAST_CONNECTION' => 'fastpi'];
        $noChannels = ['SITE_HAS_CHANNELS' => 'false'];
        yield 'no connection' => [$typo, "no connection 'fastpi'", 'set BROADCAST_CONNECTION=fastapi'];
        yield 'no connection, no channels' => [$typo + $noChannels, "no connection 'fastpi'", 'set BROADCAST_'];
        yield 'a ttl that is no number' => [['FASTAPI_TTL' => 'abc'], 'at least 1, "abc" given', 'correct FASTAPI_TTL'];
        yield 'a ttl with a unit' => [['FASTAPI_TTL' => '10s'], '"10s" given', 'correct FASTAPI_TTL'];
        yield 'no time at all' => [['FASTAPI_TTL' => '0'], 'at least 1, "0" given', 'correct FASTAPI_TTL'];
        yield 'no priority' => [['FASTAPI_PRIORITY' => 'urgent'], '"urgent" given', 'correct FASTAPI_PRIORITY'];
        yield 'no master key' => [['FASTAPI_ENCRYPTION_MASTER_KEY' => 'x'], 'of 32 bytes', 'correct FASTAPI_'];
    }

    public function testChannelsOfAnotherConnectionAreNotMissed(): void
    {
        [, $output] = (new Artisan(['BROADCAST_CONNECTION' => 'log']))->run(['fastapi:doctor']);

        self::assertStringContainsString("BAD  events are broadcast by the connection 'log'", $output);
        self::assertStringNotContainsString('no channel is registered', $output);
    }

    public function testAMissingConnectionIsAnErrorOfAllOtherCommands(): void
    {
        [$code, $output] = (new Artisan(['BROADCAST_CONNECTION' => 'fastpi']))->run(['list']);

        self::assertNotSame(0, $code, $output);
    }

    public function testADirectoryThatNoBroadcasterReadsIsTold(): void
    {
        $artisan = new Artisan();
        (new EventQueue($artisan->queue))->publish('order.paid', 7, 'orders');
        [$code, $output] = $artisan->run(['fastapi:doctor']);

        self::assertSame(1, $code);
        self::assertStringContainsString("BAD  no broadcaster reads $artisan->queue", $output);
        self::assertStringContainsString('1 entries now', $output);
        self::assertStringContainsString('systemctl start fastapi-broadcaster', $output);
    }

    public function testALockThatThisUserCannotReadIsANote(): void
    {
        $directory = new TemporaryDirectory();
        chmod($directory->path, 0755);
        chmod($directory->write('.lock', ''), 0000);
        $check = new BroadcasterCheck($directory->path, 'FASTAPI_QUEUE');
        Finding::bad('', '');
        [$grade, $text] = AsNobody::returns(static function () use ($check): array {
            [$finding] = $check->findings();

            return [$finding->grade->name, $finding->text];
        });

        self::assertSame('Note', $grade, $text);
        self::assertStringContainsString('may not see whether a broadcaster reads', $text);
    }

    public function testTheExtensionThatIsMissingIsTold(): void
    {
        [$code, $output] = (new Artisan())->run(['fastapi:doctor'], withExtension: false);

        self::assertSame(1, $code, $output);
        self::assertStringContainsString('BAD  this PHP has no extension fastapi_websocket', $output);
        self::assertStringContainsString('-> install it for ' . PHP_BINARY, $output);
    }

    public function testTheClassesInPhpAreToldInPlaceOfTheExtension(): void
    {
        $artisan = new Artisan();
        $broadcaster = new Broadcaster($artisan->queue);
        [$code, $output] = $artisan->run(['fastapi:doctor'], withExtension: false, withPolyfill: true);

        self::assertSame(0, $code, $output);
        self::assertStringContainsString('note fastapi/websocket-polyfill queues the events', $output);
        self::assertStringContainsString('without the journal', $output);
        self::assertStringContainsString('-> install the extension', $output);
        unset($broadcaster);
    }

    public function testTheQueueDirectoryOfTheClassesInPhpIsFound(): void
    {
        $directory = new TemporaryDirectory();
        $artisan = new Artisan(['FASTAPI_QUEUE' => null, 'FASTAPI_WEBSOCKET_PATH' => $directory->path]);
        [, $output] = $artisan->run(['fastapi:doctor'], withExtension: false, withPolyfill: true);

        self::assertStringContainsString("can write to the queue directory $directory->path (", $output);
    }

    public function testAConnectionThatIsNotOursIsTold(): void
    {
        [$code, $output] = (new Artisan())->run(['fastapi:doctor', 'log']);

        self::assertSame(1, $code, $output);
        self::assertStringContainsString("BAD  the connection 'log' does not have the driver fastapi", $output);
    }

    public function testAWorkerThatIsNeededIsANote(): void
    {
        $artisan = new Artisan(['QUEUE_CONNECTION' => 'redis']);
        $broadcaster = new Broadcaster($artisan->queue);
        [$code, $output] = $artisan->run(['fastapi:doctor']);

        self::assertSame(0, $code, $output);
        self::assertStringContainsString("note events that implement ShouldBroadcast wait for a worker", $output);
        self::assertStringContainsString("of the queue 'redis'", $output);
        unset($broadcaster);
    }

    public function testASiteWithPublicChannelsAloneNeedsNoKey(): void
    {
        $artisan = new Artisan([
            'FASTAPI_APP_KEY' => null,
            'FASTAPI_APP_SECRET' => null,
            'SITE_HAS_CHANNELS' => 'false',
        ]);
        $broadcaster = new Broadcaster($artisan->queue);
        [$code, $output] = $artisan->run(['fastapi:doctor']);

        self::assertSame(0, $code, $output);
        self::assertStringContainsString('note no key and secret are set, so all channels have to be public', $output);
        unset($broadcaster);
    }

    public function testADirectoryThatEveryUserCanWriteIsToldAsTheBroadcasterRefusesIt(): void
    {
        $directory = new TemporaryDirectory();
        chmod($directory->path, 0777);
        [$finding] = (new QueueDirectoryCheck($directory->path, 'FASTAPI_QUEUE'))->findings();

        self::assertSame(Grade::Bad, $finding->grade);
        self::assertStringContainsString('every user can write', $finding->text);
        self::assertSame("chmod 2770 $directory->path", $finding->remedy);
    }

    public function testADirectoryThatThisUserCannotWriteIsTold(): void
    {
        $directory = new TemporaryDirectory();
        chmod($directory->path, 0555);
        $check = new QueueDirectoryCheck($directory->path, 'FASTAPI_QUEUE');
        // Loaded now: another user may not be able to read the files of the classes.
        Finding::bad('', '');
        [$grade, $text, $remedy] = AsNobody::returns(static function () use ($check): array {
            [$finding] = $check->findings();

            return [$finding->grade->name, $finding->text, $finding->remedy];
        });

        self::assertSame('Bad', $grade);
        self::assertStringContainsString("cannot write to the queue directory $directory->path (", $text);
        self::assertStringContainsString('usermod -aG', $remedy);
    }
}
