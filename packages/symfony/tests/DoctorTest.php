<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use FASTAPI\WebSocket\Laravel\Tests\Support\Broadcaster;
use FASTAPI\WebSocket\Symfony\Command\DoctorCommand;
use FASTAPI\WebSocket\Symfony\Tests\Support\Services;
use FASTAPI\WebSocket\Symfony\Tests\Support\Site;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Console\Tester\CommandTester;

/**
 * `bin/console fastapi:doctor`, with faults that are really there.
 */
final class DoctorTest extends TestCase
{
    public function testItFindsNothingWhereAllIsWell(): void
    {
        $site = new Site();
        $broadcaster = new Broadcaster($site->queue);

        [$code, $output] = $site->console('fastapi:doctor');

        self::assertSame(0, $code, $output);
        self::assertStringContainsString("reads $site->queue", $output);
        self::assertStringContainsString('tokens can be made', $output);
        self::assertStringContainsString('SiteAccess says who may read what', $output);
        unset($broadcaster);
    }

    public function testItSaysThatNoBroadcasterReadsTheDirectory(): void
    {
        $site = new Site();

        [$code, $output] = $site->console('fastapi:doctor');

        self::assertSame(1, $code);
        self::assertStringContainsString("BAD  no broadcaster reads $site->queue", $output);
    }

    public function testItSaysThatEveryUserCanWrite(): void
    {
        $site = new Site();
        chmod($site->queue, 02777);

        self::assertStringContainsString("chmod 2770 $site->queue", $site->console('fastapi:doctor')[1]);
    }

    /**
     * @dataProvider faults
     * @param array<string, mixed> $settings
     */
    public function testItFindsWhatIsSetWrongly(array $settings, string $text): void
    {
        $doctor = new CommandTester(Services::with($settings)->get(DoctorCommand::class));

        self::assertSame(1, $doctor->execute([]));
        self::assertStringContainsString($text, $doctor->getDisplay());
    }

    /** A package for these few files would be one more that every site has to name. */
    public function testWhatBothDoctorsLookAtIsTheSameCode(): void
    {
        $ofLaravel = dirname(__DIR__, 2) . '/laravel/src/Doctor';
        // Both styles of code are the usual ones there.
        $common = static fn (string $file): string => str_replace(
            ['WebSocket\\Laravel\\', '! '],
            ['WebSocket\\Symfony\\', '!'],
            file_get_contents($file)
        );
        $files = glob(dirname(__DIR__) . '/src/Doctor/*.php');

        self::assertNotSame([], $files);
        foreach ($files as $file) {
            self::assertSame($common("$ofLaravel/" . basename($file)), $common($file), $file);
        }
    }

    /** @return array<string, array{array<string, mixed>, string}> */
    public static function faults(): array
    {
        return [
            'nothing is set' => [[], 'BAD  no queue directory is set'],
            'a relative directory' => [['queue' => 'var/queue'], 'BAD  the queue directory var/queue is relative'],
            'no such directory' => [['queue' => '/no/such/queue'], '-> create it'],
            'in memory' => [['in_memory' => true], 'BAD  fastapi_websocket.in_memory is true'],
            'a short secret' => [['token' => ['secret' => 'short']], 'BAD  no token can be made: '],
            'a file that is not there' => [['token' => ['secret_file' => '/no/such']], '/no/such'],
            'no rights' => [[], 'note no service says who may read what'],
        ];
    }
}
