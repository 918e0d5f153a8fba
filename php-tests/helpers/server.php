<?php
// A server of the extension in a process of its own, for one test. The system chooses its port, its output is kept, and it ends
// with the test.

require_once __DIR__ . '/client.php';

class ServerProcess
{
    public string $address = '';
    private $process;
    private string $script;
    private string $output;
    private ?int $code = null;
    /** @var list<Client> */
    private array $clients = [];

    /**
     * Runs `$code` in a script that has the instance in `$server`, and starts it. A client of /__stop stops it.
     *
     * @param string $after What the script does when start() has returned.
     * @param string $arguments More arguments for PHP, such as settings.
     * @param bool $starts Whether to wait until it has started.
     * @param string $shell What stands around the command in the shell: variables, redirections.
     */
    public function __construct(string $code, string $after = '', string $arguments = '', bool $starts = true, string $shell = '')
    {
        $this->script = tempnam(sys_get_temp_dir(), 'fastapi-websocket-server-');
        $this->output = "$this->script.out";
        file_put_contents($this->script, <<<PHP
            <?php
            use FASTAPI\\WebSocket\\WebSocketConnection;
            use FASTAPI\\WebSocket\\WebSocketServer;
            \$server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0);
            \$server->on('/__stop', function () use (\$server) { \$server->stop(); });
            $code
            \$server->start();
            $after
            PHP);
        touch($this->output);
        $php = getenv('TEST_PHP_EXECUTABLE') ?: PHP_BINARY;
        $command = "$shell exec " . escapeshellarg($php) . ' ' . getenv('TEST_PHP_EXTRA_ARGS')
            . " -d display_errors=1 -d log_errors=0 -d html_errors=0 $arguments " . escapeshellarg($this->script);
        $this->process = proc_open($command, [['file', '/dev/null', 'r'], ['file', $this->output, 'a'], ['file', $this->output, 'a']], $pipes);
        if ($starts) {
            $this->waitUntil('start', function () {
                preg_match_all('~^WebSocket server started on ws://(\S+)\n~m', $this->output(), $match);
                $this->address = end($match[1]) ?: '';

                return $this->address !== '';
            });
        }
    }

    /** What it has printed so far. */
    public function output(): string
    {
        return file_get_contents($this->output);
    }

    /** Waits until it has printed the text. */
    public function waitFor(string $text): void
    {
        $this->waitUntil("print $text", fn () => str_contains($this->output(), $text));
    }

    public function pid(): int
    {
        return proc_get_status($this->process)['pid'];
    }

    /** Connects a client. */
    public function connect(string $target = '/', array $headers = []): Client
    {
        return $this->clients[] = new Client($this->address, $target, $headers);
    }

    /** Stops it, and returns what it has printed, without the line about its address. */
    public function stop(): string
    {
        if (!$this->hasEnded()) {
            $this->connect('/__stop')->readClose();
            // The server would wait for their close frames.
            array_map(fn ($client) => $client->drop(), $this->clients);
        }

        return $this->wait();
    }

    /** Waits until it has ended, and returns what it has printed, without the line about its address, and its exit code if that is not 0. */
    public function wait(): string
    {
        $this->waitUntil('end', fn () => $this->hasEnded());
        $printed = preg_replace('~^WebSocket server started on ws://127.0.0.1:\d+\n~m', '', $this->output());
        $printed = str_replace([$this->script, '/private'], ['SCRIPT', ''], $printed);

        return self::withoutPlaces($printed) . ($this->code === 0 ? '' : "exit code $this->code\n");
    }

    /** Names closures as PHP did before 8.4, which adds their place: {closure:SCRIPT:6}, or {closure:{closure:SCRIPT:6}:7}. */
    public static function withoutPlaces(string $text): string
    {
        return preg_replace('/\{closure:(?:[^{}\n]++|(?R))*+\}/', '{closure}', $text);
    }

    private function hasEnded(): bool
    {
        if ($this->code === null) {
            $status = proc_get_status($this->process);
            if ($status['running']) {
                return false;
            }
            $this->code = $status['signaled'] ? 1000 + $status['termsig'] : $status['exitcode'];
        }

        return true;
    }

    private function waitUntil(string $what, callable $condition): void
    {
        $deadline = microtime(true) + 20;
        while (!$condition()) {
            if (microtime(true) > $deadline || ($what !== 'end' && $this->hasEnded() && !$condition())) {
                throw new Exception("the server did not $what, it printed:\n" . $this->output());
            }
            usleep(1000);
        }
    }

    public function __destruct()
    {
        if (!$this->hasEnded()) {
            proc_terminate($this->process, 9);
        }
        proc_close($this->process);
        @unlink($this->script);
        @unlink($this->output);
    }
}
