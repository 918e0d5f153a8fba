<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Doctor;

use FASTAPI\WebSocket\Laravel\ConnectionSettings;
use FASTAPI\WebSocket\Laravel\FastapiBroadcaster;
use Illuminate\Broadcasting\BroadcastController;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Routing\Router;

/**
 * Whether Laravel broadcasts by the connection, and can let clients in to its channels.
 */
final class ConnectionCheck
{
    public function __construct(
        private readonly string $connection,
        private readonly ConnectionSettings $settings,
        private readonly FastapiBroadcaster $broadcaster,
        private readonly Repository $config,
        private readonly Router $router,
    ) {
    }

    /** @return list<Finding> */
    public function findings(): array
    {
        return [
            $this->default(),
            $this->credentials(),
            ...$this->encryption(),
            ...$this->delivery(),
            $this->authRoute(),
            ...$this->channels(),
            $this->worker(),
        ];
    }

    private function default(): Finding
    {
        $default = $this->nameOfDefault();
        if ($default === $this->connection) {
            return Finding::good("events are broadcast by the connection $default");
        }
        $isMissing = $this->config->get("broadcasting.connections.$default." . MissingDefault::MARK) === true;

        return Finding::bad(
            $isMissing
                ? "there is no connection '$default', by which events are to be broadcast"
                : "events are broadcast by the connection '$default', and not by $this->connection",
            "set BROADCAST_CONNECTION=$this->connection in .env (before Laravel 11: BROADCAST_DRIVER), "
                . 'then php artisan config:clear'
        );
    }

    private function credentials(): Finding
    {
        if ($this->settings->credentials() !== null) {
            return Finding::good("key and secret of the app are set (the key is {$this->settings->key})");
        }
        $remedy = 'set FASTAPI_APP_KEY and FASTAPI_APP_SECRET in .env as in the section [[app]] of the broadcaster';
        $isSet = $this->settings->key !== null || $this->settings->hasSecret();
        if (! $isSet && $this->broadcaster->channelPatterns() === []) {
            return Finding::note('no key and secret are set, so all channels have to be public', $remedy);
        }

        return Finding::bad('key or secret is not set, so private and presence channels are refused', $remedy);
    }

    /** @return list<Finding> */
    private function encryption(): array
    {
        try {
            $this->settings->encryption();

            return [];
        } catch (BroadcastException $exception) {
            return [Finding::bad($exception->getMessage(), 'correct FASTAPI_ENCRYPTION_MASTER_KEY in .env')];
        }
    }

    /** @return list<Finding> */
    private function delivery(): array
    {
        $findings = [];
        foreach (['ttl', 'priority'] as $name) {
            try {
                $this->settings->$name();
            } catch (\ValueError $error) {
                $variable = 'FASTAPI_' . strtoupper($name);
                $findings[] = Finding::bad(
                    $error->getMessage(),
                    "correct $variable in .env, or '$name' of the connection in config/broadcasting.php"
                );
            }
        }

        return $findings;
    }

    private function authRoute(): Finding
    {
        foreach ($this->router->getRoutes()->getRoutes() as $route) {
            $isLaravels = ltrim($route->getActionName(), '\\') === BroadcastController::class . '@authenticate';
            if ($isLaravels || str_ends_with($route->uri(), 'broadcasting/auth')) {
                return Finding::good("clients ask /{$route->uri()} for their channels");
            }
        }
        $text = 'no route answers clients that ask for private and presence channels';
        $remedy = 'call Broadcast::routes(): before Laravel 11 uncomment App\Providers\BroadcastServiceProvider in '
            . 'config/app.php; from 11 on give withRouting() in bootstrap/app.php the argument channels: '
            . "__DIR__ . '/../routes/channels.php'";

        return $this->settings->hasSecret() ? Finding::bad($text, $remedy) : Finding::note($text, $remedy);
    }

    /** @return list<Finding> */
    private function channels(): array
    {
        $patterns = $this->broadcaster->channelPatterns();
        if ($patterns !== []) {
            return [Finding::good('channels that are registered: ' . implode(', ', $patterns))];
        }
        // Laravel registers channels with the default connection alone.
        if ($this->nameOfDefault() !== $this->connection) {
            return [];
        }

        return [Finding::note(
            'no channel is registered, so each private and presence channel is refused',
            'name them in routes/channels.php: Broadcast::channel(...)'
        )];
    }

    private function nameOfDefault(): string
    {
        return (string) $this->config->get('broadcasting.default');
    }

    private function worker(): Finding
    {
        $queue = (string) $this->config->get('queue.default');
        if ($queue === '' || $queue === 'sync') {
            return Finding::good('events are broadcast in the request itself (queue.default is sync)');
        }

        return Finding::note(
            "events that implement ShouldBroadcast wait for a worker of the queue '$queue'",
            'run php artisan queue:work, or implement ShouldBroadcastNow: that costs less than queueing a job'
        );
    }
}
