<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket;

use FASTAPI\WebSocket\Polyfill\Arguments;
use FASTAPI\WebSocket\Polyfill\Coercion;
use FASTAPI\WebSocket\Polyfill\Event;
use FASTAPI\WebSocket\Polyfill\Json;
use FASTAPI\WebSocket\Polyfill\Printable;
use FASTAPI\WebSocket\Polyfill\Producer;
use FASTAPI\WebSocket\Polyfill\QueueDirectory;
use FASTAPI\WebSocket\Polyfill\QueuePath;
use FASTAPI\WebSocket\Polyfill\Refusal;

/**
 * Queues events. Without the extension there is no server: start() throws, and the other methods answer as they do
 * before it.
 */
class WebSocketServer
{
    private static $instance;

    private static ?string $lastError = null;

    private $app;

    private function __construct($app = null)
    {
        $this->app = $app;
    }

    private function __clone()
    {
    }

    /** @throws \Exception Always. */
    public function __wakeup()
    {
        throw new \Exception('Cannot unserialize a singleton.');
    }

    /**
     * Returns the server, the same object each time.
     *
     * @param object|null $app
     *
     * @return WebSocketServer
     */
    public static function getInstance($app = null)
    {
        if ($app !== null && !is_object($app)) {
            $type = Arguments::typeOf($app);

            throw new \TypeError(__METHOD__ . "(): Argument #1 (\$app) must be of type ?FASTAPI\\App, $type given");
        }

        return self::$instance ??= new self($app);
    }

    /** @return $this */
    public function on($path, callable $handler)
    {
        Arguments::text(__METHOD__, 1, 'path', $path);

        return $this;
    }

    /** @return $this */
    public function port($port)
    {
        return $this;
    }

    /** @return $this */
    public function host($host)
    {
        Arguments::text(__METHOD__, 1, 'host', $host);

        return $this;
    }

    /**
     * Creates the directory if it is missing. If that fails it warns.
     *
     * @return $this
     */
    public function eventQueue($path)
    {
        try {
            $directory = QueuePath::locate(Arguments::text(__METHOD__, 1, 'path', $path));
            QueuePath::check($directory);
            (new QueueDirectory($directory))->make();
        } catch (Refusal $refusal) {
            trigger_error(__METHOD__ . '(): ' . Printable::text($refusal->getMessage()), E_USER_WARNING);
        }

        return $this;
    }

    /** @throws \Exception Always: the server is in the extension. */
    public function start()
    {
        throw new \Exception(
            'WebSocketServer::start() needs the PHP extension fastapi_websocket, which this PHP has not loaded: '
            . 'install it, or let fastapi-broadcaster serve the clients',
        );
    }

    /** @return void */
    public function stop()
    {
    }

    /** @return bool */
    public function isRunning()
    {
        return false;
    }

    /** @return void */
    public function broadcast($event, $payload = null)
    {
    }

    /** @return int */
    public function getConnectionCount()
    {
        return 0;
    }

    /** @return list<never> */
    public function getConnections()
    {
        return [];
    }

    /**
     * Queues an event for every connected client.
     *
     * @return bool True: the event is in the queue. False: it is not, and lastError() says why.
     */
    public static function queueEvent($queuePath, $event, $payload = null)
    {
        try {
            $path = Coercion::text($queuePath ?? '') ?? throw new Refusal(
                'the queue path must be a string, got ' . Arguments::typeOf($queuePath),
            );
            $new = new Event(Json::name($event), Json::payload($payload));
            (new Producer(QueuePath::locate($path)))->enqueue($new);
            self::$lastError = null;

            return true;
        } catch (Refusal $refusal) {
            self::$lastError = Printable::text($refusal->getMessage());

            return false;
        }
    }

    /** Tells why the last queueEvent() of this request returned false. */
    public static function lastError(): ?string
    {
        return self::$lastError;
    }
}
