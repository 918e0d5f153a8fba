--TEST--
Reflection shows the signatures of the original: names, order, defaults, no types
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
$class = new ReflectionClass('FASTAPI\WebSocket\WebSocketServer');
var_dump($class->isInternal(), $class->isFinal(), $class->isAbstract(), $class->isInterface(), $class->getParentClass(), $class->getInterfaceNames());
echo $class->getMethod('queueEvent'), $class->getMethod('lastError');
$payload = $class->getMethod('queueEvent')->getParameters()[2];
var_dump($payload->isDefaultValueAvailable(), $payload->getDefaultValue(), $payload->allowsNull(), $payload->isPassedByReference());
var_dump($class->getMethod('queueEvent')->hasReturnType(), $class->getMethod('queueEvent')->hasTentativeReturnType());
var_dump($class->getStaticProperties(), $class->getConstants());
?>
--EXPECT--
bool(true)
bool(false)
bool(false)
bool(false)
bool(false)
array(0) {
}
Method [ <internal:fastapi_websocket> static public method queueEvent ] {

  - Parameters [3] {
    Parameter #0 [ <required> $queuePath ]
    Parameter #1 [ <required> $event ]
    Parameter #2 [ <optional> $payload = null ]
  }
}
Method [ <internal:fastapi_websocket> static public method lastError ] {

  - Parameters [0] {
  }
  - Return [ ?string ]
}
bool(true)
NULL
bool(true)
bool(false)
bool(false)
bool(false)
array(0) {
}
array(0) {
}
