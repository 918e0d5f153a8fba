<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests\Support;

use FASTAPI\WebSocket\Laravel\Tests\Support\Waiting;

/**
 * The application of a test behind PHP's own web server, which ends with the value.
 */
final class WebServer
{
    public readonly string $address;

    /** @var resource */
    private $process;

    public function __construct(Site $site)
    {
        $log = "{$site->directory->path}/web-server";
        // It ends with PHP also if PHP is killed.
        $command = ['setpriv', '--pdeathsig', 'TERM', ...explode("\n", trim(getenv('FASTAPI_PHP')))];
        array_push($command, '-S', '127.0.0.1:0', __DIR__ . '/serve.php');
        $files = [['file', '/dev/null', 'r'], ['file', $log, 'w'], ['redirect', 1]];
        $variables = ['PATH' => getenv('PATH'), 'SYMFONY_AUTOLOAD' => (string) getenv('SYMFONY_AUTOLOAD')];
        $variables += $site->environment();
        $this->process = proc_open($command, $files, $pipes, env_vars: $variables);
        $this->address = Waiting::until("the web server listens, see $log", static function () use ($log): ?string {
            return preg_match('~\(http://(\S+:\d+)\) started~', file_get_contents($log), $match) ? $match[1] : null;
        });
    }

    public function __destruct()
    {
        proc_terminate($this->process);
        proc_close($this->process);
    }
}
