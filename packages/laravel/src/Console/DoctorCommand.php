<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Console;

use FASTAPI\WebSocket\Laravel\ConnectionSettings;
use FASTAPI\WebSocket\Laravel\Doctor\BroadcasterCheck;
use FASTAPI\WebSocket\Laravel\Doctor\ConnectionCheck;
use FASTAPI\WebSocket\Laravel\Doctor\DefaultQueue;
use FASTAPI\WebSocket\Laravel\Doctor\ExtensionCheck;
use FASTAPI\WebSocket\Laravel\Doctor\Finding;
use FASTAPI\WebSocket\Laravel\Doctor\Grade;
use FASTAPI\WebSocket\Laravel\Doctor\QueueDirectoryCheck;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Console\Command;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Routing\Router;
use Symfony\Component\Console\Formatter\OutputFormatter;

/**
 * Looks at all that a broadcast needs on this machine, and says what to do about what is missing. Queues nothing.
 */
final class DoctorCommand extends Command
{
    /** @var string */
    protected $signature = 'fastapi:doctor {connection? : Of config/broadcasting.php; default: the one that is used}';

    /** @var string */
    protected $description = 'Check extension, queue directory, broadcaster and settings of the broadcasts';

    public function handle(BroadcastManager $broadcasts, Repository $config, Router $router): int
    {
        $name = $this->connectionName($config);
        $connection = (array) $config->get("broadcasting.connections.$name");
        if (($connection['driver'] ?? null) !== 'fastapi') {
            return $this->report([Finding::bad(
                "the connection '$name' does not have the driver fastapi",
                "name it in config/broadcasting.php: '$name' => ['driver' => 'fastapi']"
            )]);
        }
        $settings = ConnectionSettings::of($connection, (array) $config->get('fastapi'));
        $directory = $settings->queue ?? DefaultQueue::directory();
        $setting = 'FASTAPI_QUEUE in .env';

        return $this->report([
            ...(new ExtensionCheck())->findings(),
            ...(new QueueDirectoryCheck($directory, $setting))->findings(),
            ...(new BroadcasterCheck($directory, $setting))->findings(),
            ...(new ConnectionCheck($name, $settings, $broadcasts->connection($name), $config, $router))->findings(),
        ]);
    }

    private function connectionName(Repository $config): string
    {
        $given = $this->argument('connection');
        if (is_string($given)) {
            return $given;
        }
        $default = (string) $config->get('broadcasting.default');
        $isOurs = $config->get("broadcasting.connections.$default.driver") === 'fastapi';

        return $isOurs ? $default : 'fastapi';
    }

    /** @param list<Finding> $findings */
    private function report(array $findings): int
    {
        $isWell = true;
        foreach ($findings as $finding) {
            $this->line($finding->grade->value . ' ' . OutputFormatter::escape($finding->text));
            if ($finding->remedy !== null) {
                $this->line('     -> ' . OutputFormatter::escape($finding->remedy));
            }
            $isWell = $isWell && $finding->grade !== Grade::Bad;
        }

        return $isWell ? self::SUCCESS : self::FAILURE;
    }
}
