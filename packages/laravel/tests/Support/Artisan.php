<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

/**
 * A site with its settings in .env, as a new one has them, and the command `artisan` in a process of its own.
 */
final class Artisan
{
    public readonly string $queue;

    public readonly TemporaryDirectory $directory;

    /** @param array<string, string|null> $variables Those of .env; null: it is not there. */
    public function __construct(array $variables = [])
    {
        $this->directory = new TemporaryDirectory();
        $this->queue = "{$this->directory->path}/queue";
        mkdir($this->queue);
        chmod($this->queue, 02770);

        Site::lay($this->directory, [], null);
        unlink("{$this->directory->path}/config/fastapi.php");
        $this->directory->write('config/broadcasting.php', "<?php return ['default' => env('BROADCAST_CONNECTION'), "
            . "'connections' => ['log' => ['driver' => 'log'], 'hints' => ['driver' => 'fastapi']]];");
        $this->directory->write('config/site.php', "<?php return ['has_channels' => env('SITE_HAS_CHANNELS', true)];");
        $this->directory->write('config/queue.php', "<?php return ['default' => env('QUEUE_CONNECTION', 'sync')];");
        $bootstrap = var_export(dirname(__DIR__) . '/bootstrap.php', true);
        $this->directory->write('bootstrap/app.php', '<?php return ' . Site::class . '::create(dirname(__DIR__));');
        $this->directory->write('artisan', "<?php require $bootstrap;" . '
            $app = require __DIR__ . "/bootstrap/app.php";
            exit($app->make(Illuminate\Contracts\Console\Kernel::class)->handle(
                new Symfony\Component\Console\Input\ArgvInput(),
                new Symfony\Component\Console\Output\ConsoleOutput()
            ));');
        $variables += [
            'BROADCAST_CONNECTION' => 'fastapi',
            'FASTAPI_QUEUE' => $this->queue,
            'FASTAPI_APP_KEY' => Site::KEY,
            'FASTAPI_APP_SECRET' => Site::SECRET,
        ];
        $lines = '';
        foreach (array_filter($variables, is_string(...)) as $name => $value) {
            $lines .= "$name=\"$value\"\n";
        }
        $this->directory->write('.env', $lines);
    }

    /**
     * @param list<string> $arguments
     * @return array{int, string} The exit code, and what it prints.
     */
    public function run(array $arguments, bool $withExtension = true, bool $withPolyfill = false): array
    {
        $flags = explode("\n", trim(getenv('FASTAPI_PHP')));
        if (! $withExtension) {
            // With the `-d` before it.
            array_splice($flags, array_search('extension=' . getenv('FASTAPI_EXTENSION'), $flags, true) - 1, 2);
        }
        if ($withPolyfill) {
            array_push($flags, '-d', 'auto_prepend_file=' . dirname(__DIR__, 3) . '/polyfill/bootstrap.php');
        }
        $process = proc_open(
            [...$flags, "{$this->directory->path}/artisan", ...$arguments],
            [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]],
            $pipes,
            env_vars: ['PATH' => getenv('PATH'), 'LARAVEL_AUTOLOAD' => (string) getenv('LARAVEL_AUTOLOAD')]
        );
        $output = stream_get_contents($pipes[1]);

        return [proc_close($process), $output];
    }
}
