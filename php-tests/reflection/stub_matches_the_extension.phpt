--TEST--
The stub beside the sources and the classes of the extension are the same
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
// The stub's classes move to another namespace, so that both can be loaded.
$stub = file_get_contents(__DIR__ . '/../../ext/fastapi_websocket.stub.php');
$stub = preg_replace('/^namespace FASTAPI\\\\/m', 'namespace Stub\\', $stub, -1, $namespaces);
eval('?>' . $stub);
echo $namespaces > 0 ? "read the stub\n" : "the stub has no namespace\n";

function describe(string $class): array
{
    $reflection = new ReflectionClass($class);
    $parent = $reflection->getParentClass();
    $description = ['class' => implode(' ', Reflection::getModifierNames($reflection->getModifiers())) . ($parent ? ' extends ' . $parent->getName() : '')];
    foreach ($reflection->getConstants() as $name => $value) {
        $description["const $name"] = var_export($value, true);
    }
    foreach ($reflection->getProperties() as $property) {
        $description['$' . $property->getName()] = implode(' ', Reflection::getModifierNames($property->getModifiers()));
    }
    foreach ($reflection->getMethods() as $method) {
        $parameters = [];
        foreach ($method->getParameters() as $parameter) {
            $default = $parameter->isDefaultValueAvailable() ? ' = ' . var_export($parameter->getDefaultValue(), true) : '';
            $type = str_replace('Stub\\', 'FASTAPI\\', (string) $parameter->getType());
            $attributes = implode(array_map(fn ($attribute) => '#[' . $attribute->getName() . '] ', $parameter->getAttributes()));
            $parameters[] = trim($attributes . $type . ' $' . $parameter->getName() . $default);
        }
        $description[$method->getName()] = implode(' ', Reflection::getModifierNames($method->getModifiers()))
            . ' (' . implode(', ', $parameters) . '): ' . str_replace('Stub\\', 'FASTAPI\\', (string) $method->getReturnType());
    }
    ksort($description);

    return $description;
}

$native = array_map(fn ($class) => $class->getName(), array_values((new ReflectionExtension('fastapi_websocket'))->getClasses()));
$declared = array_values(array_filter(get_declared_classes(), fn ($class) => str_starts_with($class, 'Stub\\')));
sort($native);
$declared = array_map(fn ($class) => 'FASTAPI' . substr($class, 4), $declared);
sort($declared);
echo $native === $declared ? "same classes\n" : 'classes differ: ' . implode(' ', $native) . ' / ' . implode(' ', $declared) . "\n";

foreach ($native as $class) {
    $differences = [];
    $ours = describe($class);
    $stubs = describe('Stub' . substr($class, 7));
    foreach ($ours + $stubs as $member => $_) {
        if (($ours[$member] ?? null) !== ($stubs[$member] ?? null)) {
            $differences[] = "$member: extension " . ($ours[$member] ?? 'nothing') . ', stub ' . ($stubs[$member] ?? 'nothing');
        }
    }
    echo "$class: ", $differences ? implode("\n", $differences) : 'same', "\n";
    foreach ((new ReflectionClass('Stub' . substr($class, 7)))->getMethods(ReflectionMethod::IS_PUBLIC) as $method) {
        if ($method->isUserDefined() && $method->getDocComment() === false) {
            echo $method->getName(), " has no documentation\n";
        }
    }
}
?>
--EXPECT--
read the stub
same classes
FASTAPI\WebSocket\AccessToken: same
FASTAPI\WebSocket\EventQueue: same
FASTAPI\WebSocket\QueueException: same
FASTAPI\WebSocket\WebSocketConnection: same
FASTAPI\WebSocket\WebSocketServer: same
