--TEST--
Subclasses override every public method without types, with their own, and with the original's signature
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
class Server extends FASTAPI\WebSocket\WebSocketServer
{
    public $calls = [];
    protected $app = 'own';
    public function __construct() {}
    public static function getInstance(?FASTAPI\App $app = null) { return new static; }
    public function on($path, callable $handler) { $this->calls[] = "on $path"; return parent::on($path, $handler); }
    public function port($port) { return parent::port($port); }
    public function host($host): static { return parent::host($host); }
    public function eventQueue($path, $more = null) { return $this; }
    public function start() { $this->calls[] = 'start'; }
    public function stop(): void { parent::stop(); }
    public function isRunning() { return 'yes'; }
    public function broadcast($event, $payload = null) { $this->calls[] = "broadcast $event"; parent::broadcast($event, $payload); }
    public function getConnectionCount(): int { return parent::getConnectionCount() + 1; }
    public function getConnections() { return parent::getConnections(); }
    public static function queueEvent($queuePath, $event, $payload = null) { return false; }
    public function __wakeup() {}
    public function app() { return $this->app; }
}
$server = Server::getInstance();
$server->on('/a', 'strlen')->port(1)->host('x')->eventQueue('y')->start();
$server->broadcast('e', 1);
$server->stop();
echo json_encode([$server->calls, $server->isRunning(), $server->getConnectionCount(), $server->getConnections(), $server->app(), Server::queueEvent(1, 2)]), "\n";
?>
--EXPECT--
[["on \/a","start","broadcast e"],"yes",1,[],"own",false]
