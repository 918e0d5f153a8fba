--TEST--
Reflection shows the signatures of the original: names, order, defaults, no types
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
foreach (['WebSocketServer', 'WebSocketConnection'] as $name) {
    $class = new ReflectionClass("FASTAPI\\WebSocket\\$name");
    var_dump($class->isInternal(), $class->isFinal(), $class->isAbstract(), $class->isInterface(), $class->getParentClass(), $class->getInterfaceNames());
    foreach ($class->getMethods() as $method) {
        $parameters = array_map(function ($parameter) {
            return trim($parameter->getType() . ' $' . $parameter->getName())
                . ($parameter->isDefaultValueAvailable() ? ' = ' . var_export($parameter->getDefaultValue(), true) : '')
                . ($parameter->isOptional() ? '' : ' required') . ($parameter->isPassedByReference() ? ' by reference' : '')
                . ($parameter->allowsNull() ? '' : ' not null');
        }, $method->getParameters());
        echo implode(' ', Reflection::getModifierNames($method->getModifiers())), ' ', $method->getName(), '(', implode(', ', $parameters), ')',
            $method->hasReturnType() ? ': ' . $method->getReturnType() : '', $method->hasTentativeReturnType() ? ' tentative' : '', "\n";
    }
    foreach ($class->getProperties() as $property) {
        echo implode(' ', Reflection::getModifierNames($property->getModifiers())), ' $', $property->getName(), "\n";
    }
    var_dump($class->getConstants());
}
?>
--EXPECT--
bool(true)
bool(false)
bool(false)
bool(false)
bool(false)
array(0) {
}
private __construct(?FASTAPI\App $app = NULL)
private __clone()
public __wakeup()
public static getInstance(?FASTAPI\App $app = NULL)
public on($path required, callable $handler required not null)
public port($port required)
public host($host required)
public eventQueue($path required)
public start()
public stop()
public isRunning()
public broadcast($event required, $payload = NULL)
public getConnectionCount()
public getConnections()
public static queueEvent($queuePath required, $event required, $payload = NULL)
public static lastError(): ?string
private static $instance
private $app
array(0) {
}
bool(true)
bool(false)
bool(false)
bool(false)
bool(false)
array(0) {
}
public __construct($socket required)
public handshake()
public read()
public send($message required)
public close()
public isConnected()
public getPath()
public getHeaders()
public getHeader($name required)
public isBinary()
public sendBinary($message required)
array(0) {
}
