<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

use Illuminate\Contracts\Console\Kernel as ConsoleKernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\HandleExceptions;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\Response;

/**
 * A small site: a real Laravel application in a directory of its own. Laravel finds the package by the file that
 * Composer writes.
 */
final class Site
{
    public const KEY = '278d425bdf160c739803';
    public const SECRET = '7ad3773142a6692b25b8';
    public const MASTER_KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';

    public readonly Application $app;

    private readonly TemporaryDirectory $directory;

    /**
     * @param array<string, mixed> $fastapi What config/fastapi.php has.
     * @param array<string, mixed>|null $connections The connections of config/broadcasting.php; null: it names none.
     * @param array<string, mixed> $site What config/site.php has.
     */
    public function __construct(array $fastapi = [], ?array $connections = null, array $site = [])
    {
        $this->directory = new TemporaryDirectory();
        mkdir($this->queuePath());
        chmod($this->queuePath(), 02770);
        self::lay($this->directory, $fastapi + [
            'queue' => $this->queuePath(),
            'key' => self::KEY,
            'secret' => self::SECRET,
        ], $connections);
        $this->directory->write('config/site.php', '<?php return ' . var_export($site, true) . ';');
        $this->app = self::create($this->directory->path);
        $this->app->make(ConsoleKernel::class)->bootstrap();
    }

    public function __destruct()
    {
        // The handlers of this application, which would keep it.
        restore_error_handler();
        restore_error_handler();
        restore_exception_handler();
    }

    /** Writes the files of a site. */
    public static function lay(TemporaryDirectory $directory, array $fastapi, ?array $connections): void
    {
        $package = json_decode(file_get_contents(__DIR__ . '/../../composer.json'), true);
        $directory->write('vendor/composer/installed.json', json_encode(['packages' => [$package]]));
        $directory->write('composer.json', '{}');
        foreach (['bootstrap/cache', 'storage/framework/views', 'storage/logs', 'resources/views'] as $folder) {
            mkdir("$directory->path/$folder", 0700, true);
        }
        $config = require __DIR__ . '/Site/config.php';
        $config['broadcasting']['connections'] = $connections ?? [];
        $config['fastapi'] = $fastapi;
        foreach ($config as $name => $values) {
            $directory->write("config/$name.php", '<?php return ' . var_export($values, true) . ';');
        }
    }

    /** What bootstrap/app.php of a site returns. */
    public static function create(string $path): Application
    {
        $app = new Application($path);
        $app->singleton(HttpKernel::class, Site\Kernel::class);
        $app->singleton(ConsoleKernel::class, \Illuminate\Foundation\Console\Kernel::class);
        $app->singleton(ExceptionHandler::class, \Illuminate\Foundation\Exceptions\Handler::class);
        // Laravel would only log what bootstrap.php makes an exception.
        $app->afterBootstrapping(HandleExceptions::class, static function (): void {
            set_error_handler(errors_are_exceptions(...));
        });

        return $app;
    }

    public function queuePath(): string
    {
        return "{$this->directory->path}/queue";
    }

    public function queued(): QueuedEvents
    {
        return new QueuedEvents($this->queuePath());
    }

    /**
     * @param array<string, mixed> $fields
     * @param array<string, string> $headers
     */
    public function post(string $path, array $fields = [], array $headers = []): Response
    {
        $request = Request::create($path, 'POST', $fields);
        $request->headers->add($headers + ['Accept' => 'application/json']);

        return $this->app->make(HttpKernel::class)->handle($request);
    }

    /** Asks /broadcasting/auth as pusher-js does, as a user or as nobody. */
    public function auth(mixed $channel, ?string $user, mixed $socketId = '1234.1234'): Response
    {
        $fields = ['channel_name' => $channel, 'socket_id' => $socketId];

        return $this->post('/broadcasting/auth', $fields, $user === null ? [] : ['X-User' => $user]);
    }
}
