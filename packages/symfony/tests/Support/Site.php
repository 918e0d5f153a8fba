<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Laravel\Tests\Support\QueuedEvents;
use FASTAPI\WebSocket\Laravel\Tests\Support\TemporaryDirectory;
use FASTAPI\WebSocket\Symfony\EventPublisher;
use Symfony\Bundle\FrameworkBundle\Console\Application;
use Symfony\Component\Console\Input\StringInput;
use Symfony\Component\Console\Output\BufferedOutput;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

/**
 * An application that has booted, with a queue directory of its own. Both are removed with the value.
 */
final class Site
{
    public const SECRET = '0123456789abcdef0123456789abcdef';

    public readonly string $queue;

    public readonly TemporaryDirectory $directory;

    /** What all sites have in common. */
    private static ?TemporaryDirectory $project = null;

    private readonly SiteKernel $kernel;

    public function __construct()
    {
        $this->directory = new TemporaryDirectory();
        $this->queue = "{$this->directory->path}/queue";
        mkdir($this->queue);
        chmod($this->queue, 02770);
        $this->directory->write('secret', self::SECRET . "\n");
        self::$project ??= new TemporaryDirectory();
        $_ENV = $this->environment() + $_ENV;
        $this->kernel = new SiteKernel(self::$project->path);
        $this->kernel->boot();
    }

    public function __destruct()
    {
        $this->kernel->shutdown();
    }

    /** @return array<string, string> What the configuration reads. */
    public function environment(): array
    {
        return [
            'SITE_PROJECT' => self::$project->path,
            'SITE_QUEUE' => $this->queue,
            'SITE_SECRET_FILE' => "{$this->directory->path}/secret",
            'SITE_DATABASE' => "{$this->directory->path}/database",
        ];
    }

    /**
     * @template T of object
     * @param class-string<T> $id
     * @return T
     */
    public function get(string $id): object
    {
        // The container of tests also has what is private.
        return $this->kernel->getContainer()->get('test.service_container')->get($id);
    }

    public function publisher(): EventPublisher
    {
        return $this->get(EventPublisher::class);
    }

    public function queued(): QueuedEvents
    {
        return new QueuedEvents($this->queue);
    }

    /** @return list<string> */
    public function queuedNames(): array
    {
        return array_column($this->queued()->all(), 'event');
    }

    public function ask(string $path, ?string $user = null): Response
    {
        $server = $user === null ? [] : ['PHP_AUTH_USER' => $user, 'PHP_AUTH_PW' => 'secret'];

        return $this->kernel->handle(Request::create($path, 'GET', server: $server));
    }

    /** @return array{int, string} The exit code, and what the command prints. */
    public function console(string $command): array
    {
        $application = new Application($this->kernel);
        $application->setAutoExit(false);
        $output = new BufferedOutput();
        $code = $application->run(new StringInput("$command --no-interaction"), $output);

        return [$code, $output->fetch()];
    }
}
