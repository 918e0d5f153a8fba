--TEST--
The stub of the Composer package is the one beside the sources: cp ext/fastapi_websocket.stub.php packages/stubs/
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
$root = __DIR__ . '/../..';
$stub = file_get_contents("$root/ext/fastapi_websocket.stub.php");
var_dump($stub !== '', file_get_contents("$root/packages/stubs/fastapi_websocket.stub.php") === $stub);
?>
--EXPECT--
bool(true)
bool(true)
