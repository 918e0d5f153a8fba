--TEST--
The secret is neither in messages nor in stack traces
--EXTENSIONS--
fastapi_websocket
--INI--
zend.exception_ignore_args=0
zend.exception_string_param_max_len=1000
--SKIPIF--
<?php
if (PHP_VERSION_ID < 80200) die('skip this machine cannot: PHP before 8.2 has no such attribute');
?>
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\AccessToken;

$secret = 'a secret of more than 32 bytes, which nobody may see';
foreach ([fn () => AccessToken::create($secret, ''), fn () => AccessToken::create(substr($secret, 0, 20)), fn () => AccessToken::create($secret, info: ['a' => new class implements JsonSerializable {
    public function jsonSerialize(): mixed { throw new DomainException('thrown inside'); }
}])] as $fails) {
    try {
        $fails();
    } catch (Throwable $thrown) {
        $seen = $thrown->getMessage() . $thrown->getTraceAsString() . print_r(array_column($thrown->getTrace(), 'args'), true);
        var_dump(str_contains($seen, 'a secret of'), str_contains($seen, 'SensitiveParameterValue'));
    }
}
$attributes = (new ReflectionMethod(AccessToken::class, 'create'))->getParameters()[0]->getAttributes();
echo $attributes[0]->getName(), "\n";
?>
--EXPECT--
bool(false)
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
SensitiveParameter
