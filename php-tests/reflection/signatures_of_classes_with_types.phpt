--TEST--
Reflection shows the types of EventQueue, QueueException and AccessToken
--EXTENSIONS--
fastapi_websocket
--SKIPIF--
<?php
if (PHP_VERSION_ID < 80200) die('skip this machine cannot: PHP before 8.2 has no SensitiveParameter, and prints some types in another way');
?>
--FILE--
<?php
foreach (['EventQueue', 'QueueException', 'AccessToken'] as $name) {
    $class = new ReflectionClass("FASTAPI\\WebSocket\\$name");
    $parent = $class->getParentClass();
    echo implode(' ', Reflection::getModifierNames($class->getModifiers())), " $name ", $parent ? 'extends ' . $parent->getName() : '',
        $class->isInternal() ? '' : ' not internal', $class->isInstantiable() ? '' : ' without objects', "\n";
    foreach ($class->getMethods() as $method) {
        if ($method->getDeclaringClass()->getName() !== $class->getName()) {
            continue;
        }
        $parameters = array_map(function ($parameter) {
            return implode(' ', array_map(fn ($attribute) => '#[' . $attribute->getName() . ']', $parameter->getAttributes()))
                . $parameter->getType() . ' $' . $parameter->getName()
                . ($parameter->isDefaultValueAvailable() ? ' = ' . json_encode($parameter->getDefaultValue()) : '')
                . ($parameter->isDefaultValueAvailable() && $parameter->isDefaultValueConstant() ? ' (' . $parameter->getDefaultValueConstantName() . ')' : '')
                . ($parameter->isOptional() ? '' : ' required');
        }, $method->getParameters());
        echo '  ', implode(' ', Reflection::getModifierNames($method->getModifiers())), ' ', $method->getName(), '(', implode(', ', $parameters), ')',
            $method->hasReturnType() ? ': ' . $method->getReturnType() : '', "\n";
    }
    foreach ($class->getReflectionConstants() as $constant) {
        echo '  ', implode(' ', Reflection::getModifierNames($constant->getModifiers())), ' ', $constant->getName(), ' = ', json_encode($constant->getValue()), "\n";
    }
    $interfaces = $class->getInterfaceNames();
    sort($interfaces);
    echo '  ', count($class->getProperties()), ' properties, interfaces: ', implode(' ', $interfaces), "\n";
}
?>
--EXPECT--
final EventQueue 
  public __construct(?string $path = null)
  public publish(string $event required, mixed $payload = null, array|string|null $channel = null, ?int $ttl = null, string $priority = "normal" (self::NORMAL), ?string $key = null, ?string $except = null): string
  public publishAll(iterable $events required): array
  public begin(): void
  public commit(): array
  public rollback(): void
  public transaction(callable $do required): mixed
  public static now(): string
  public HIGH = "high"
  public NORMAL = "normal"
  public LOW = "low"
  0 properties, interfaces: 
 QueueException extends RuntimeException
  4 properties, interfaces: Stringable Throwable
final AccessToken  without objects
  private __construct()
  public static create(#[SensitiveParameter]string $secret required, ?string $user = null, array $channels = [], array $allow = [], int $ttl = 3600, array $info = []): string
  0 properties, interfaces: 
