<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

/**
 * The real broadcaster as a process, which ends with the value.
 */
final class Broadcaster
{
    public readonly string $address;

    private readonly TemporaryDirectory $directory;

    /** @var resource */
    private $process;

    public function __construct(string $queue)
    {
        $this->directory = new TemporaryDirectory();
        $log = "{$this->directory->path}/log";
        // It ends with PHP also if PHP is killed.
        $command = ['setpriv', '--pdeathsig', 'TERM', getenv('FASTAPI_BROADCASTER')];
        array_push($command, '--queue', $queue, '--listen', '127.0.0.1:0');
        $files = [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', $log, 'w']];
        $this->process = proc_open($command, $files, $pipes);
        $this->address = Waiting::until("the broadcaster listens, see $log", function () use ($log): ?string {
            $isListening = preg_match('/listening address=(\S+)/', file_get_contents($log), $match) === 1;
            if (! $isListening && ! proc_get_status($this->process)['running']) {
                throw new \RuntimeException('the broadcaster has ended: ' . file_get_contents($log));
            }

            return $isListening ? $match[1] : null;
        });
    }

    public function __destruct()
    {
        proc_terminate($this->process);
        proc_close($this->process);
    }
}
