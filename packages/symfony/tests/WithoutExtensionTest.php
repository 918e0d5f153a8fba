<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use FASTAPI\WebSocket\Laravel\Tests\Support\TemporaryDirectory;
use PHPUnit\Framework\TestCase;

/**
 * A machine of a developer on which the PHP extension is not installed.
 */
final class WithoutExtensionTest extends TestCase
{
    private const DOCTOR = '$services = FASTAPI\WebSocket\Symfony\Tests\Support\Services::with([]);
        $doctor = $services->get(FASTAPI\WebSocket\Symfony\Command\DoctorCommand::class);
        $doctor->run(
            new Symfony\Component\Console\Input\ArrayInput([]),
            new Symfony\Component\Console\Output\StreamOutput(STDOUT)
        );';

    public function testPublishingSaysWhatIsMissing(): void
    {
        $output = $this->outputOf('try {
            (new FASTAPI\WebSocket\Symfony\QueuePublisher("/tmp"))->publish("a");
        } catch (FASTAPI\WebSocket\Symfony\NotQueued $exception) {
            echo $exception->getMessage();
        }');

        self::assertStringStartsWith('the PHP extension fastapi_websocket is not loaded', $output);
    }

    public function testEventsInMemoryNeedNone(): void
    {
        $output = $this->outputOf('$publisher = new FASTAPI\WebSocket\Symfony\InMemoryPublisher();
            $uid = $publisher->publish("a", 1);
            echo strlen($uid), $publisher->events()[0]["event"];');

        self::assertSame('32a', $output);
    }

    public function testTheDoctorSaysWhatIsMissing(): void
    {
        $output = $this->outputOf(self::DOCTOR);

        self::assertStringContainsString('BAD  this PHP has no extension fastapi_websocket', $output);
    }

    public function testTheDoctorTellsOfTheClassesInPhp(): void
    {
        $directory = new TemporaryDirectory();
        $polyfill = var_export(dirname(__DIR__, 2) . '/polyfill/bootstrap.php', true);
        $output = $this->outputOf(
            "putenv('FASTAPI_WEBSOCKET_PATH=$directory->path'); require $polyfill; " . self::DOCTOR
        );

        self::assertStringContainsString('note fastapi/websocket-polyfill queues the events', $output);
        self::assertStringContainsString('without the journal', $output);
        self::assertStringContainsString("can write to the queue directory $directory->path (", $output);
    }

    private function outputOf(string $code): string
    {
        $flags = explode("\n", trim(getenv('FASTAPI_PHP')));
        // With the `-d` before it.
        array_splice($flags, array_search('extension=' . getenv('FASTAPI_EXTENSION'), $flags, true) - 1, 2);
        $bootstrap = var_export(__DIR__ . '/bootstrap.php', true);
        $files = [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]];
        $process = proc_open([...$flags, '-r', "require $bootstrap; $code"], $files, $pipes);
        $output = stream_get_contents($pipes[1]);
        self::assertSame(0, proc_close($process), $output);

        return $output;
    }
}
