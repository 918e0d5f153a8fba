<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Command;

use FASTAPI\WebSocket\Symfony\Doctor\BroadcasterCheck;
use FASTAPI\WebSocket\Symfony\Doctor\DefaultQueue;
use FASTAPI\WebSocket\Symfony\Doctor\ExtensionCheck;
use FASTAPI\WebSocket\Symfony\Doctor\Finding;
use FASTAPI\WebSocket\Symfony\Doctor\Grade;
use FASTAPI\WebSocket\Symfony\Doctor\QueueDirectoryCheck;
use FASTAPI\WebSocket\Symfony\Security\Access;
use FASTAPI\WebSocket\Symfony\Security\ClientAccess;
use FASTAPI\WebSocket\Symfony\Security\TokenFactory;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Formatter\OutputFormatter;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Looks for what prevents events from arriving. It changes nothing.
 */
#[AsCommand('fastapi:doctor', 'Looks for what prevents events from reaching clients, and says what to do')]
final class DoctorCommand extends Command
{
    public function __construct(
        private readonly ?string $queue,
        private readonly bool $inMemory,
        private readonly TokenFactory $tokens,
        private readonly ?ClientAccess $access = null,
    ) {
        parent::__construct();
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $isWell = true;
        foreach ($this->findings() as $finding) {
            $output->writeln($finding->grade->value . ' ' . OutputFormatter::escape($finding->text));
            if ($finding->remedy !== null) {
                $output->writeln('     -> ' . OutputFormatter::escape($finding->remedy));
            }
            $isWell = $isWell && $finding->grade !== Grade::Bad;
        }

        return $isWell ? self::SUCCESS : self::FAILURE;
    }

    /** @return list<Finding> */
    private function findings(): array
    {
        if ($this->inMemory) {
            return [Finding::bad(
                'fastapi_websocket.in_memory is true in this environment: events are kept for tests and not queued',
                'leave it out of the configuration of prod and dev'
            )];
        }
        $directory = ($this->queue ?? '') !== '' ? $this->queue : DefaultQueue::directory();
        $setting = 'fastapi_websocket.queue in the configuration of Symfony';

        return [
            ...(new ExtensionCheck())->findings(),
            ...(new QueueDirectoryCheck($directory, $setting))->findings(),
            ...(new BroadcasterCheck($directory, $setting))->findings(),
            $this->token(),
            $this->rights(),
        ];
    }

    private function token(): Finding
    {
        if (!$this->tokens->hasSecret()) {
            return Finding::note(
                'no secret for tokens is set, so this site can make none',
                'set fastapi_websocket.token.secret_file to the file of token_secret_file; not needed with auth_hook, '
                    . 'or if all channels are public'
            );
        }
        try {
            $this->tokens->create(new Access('doctor'));
        } catch (\LogicException | \ValueError $exception) {
            return Finding::bad(
                'no token can be made: ' . $exception->getMessage(),
                'correct fastapi_websocket.token; the broadcaster must have the same secret'
            );
        }

        return Finding::good('tokens can be made; whether the broadcaster has the same secret was not compared');
    }

    private function rights(): Finding
    {
        if ($this->access === null) {
            return Finding::note(
                'no service says who may read what, so /realtime-token, /ws-auth and fastapi_token() do not work',
                'write a class that implements ' . ClientAccess::class
            );
        }

        return Finding::good($this->access::class . ' says who may read what');
    }
}
