--TEST--
create() makes a JWT of HS256 with the claims that were given, and only those
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\AccessToken;

$secret = random_bytes(16) . str_repeat("\0\xff", 8);
$parts = function (string $token) use ($secret) {
    $decode = fn ($part) => base64_decode(strtr($part, '-_', '+/'), true);
    [$header, $claims, $signature] = explode('.', $token);
    $is_signed = hash_equals(hash_hmac('sha256', "$header.$claims", $secret, true), $decode($signature));
    return [json_decode($decode($header), true), json_decode($decode($claims), true), $is_signed && !str_contains($token, '=')];
};
$show = function (string $label, string $token, int $ttl) use ($parts) {
    [$header, $claims, $is_signed] = $parts($token);
    $is_timed = abs($claims['iat'] - time()) < 60 && $claims['exp'] === $claims['iat'] + $ttl;
    unset($claims['iat'], $claims['exp']);
    ksort($header);
    echo $label, ': ', json_encode($header), ' ', json_encode($claims, JSON_UNESCAPED_SLASHES), $is_signed && $is_timed ? '' : ' WRONG', "\n";
};
$show('secret alone', AccessToken::create($secret), 3600);
$show('user', AccessToken::create($secret, 'Zoë "42"'), 3600);
$show('all', AccessToken::create($secret, '42', ['private-user.42', 'orders'], ['presence-room.*', 'news', '*', 'everybody'], 60, ['name' => 'Zoë/', 'age' => 1.5]), 60);
$show('named', AccessToken::create(secret: $secret, info: ['n' => []], ttl: 1), 1);
$show('without effect', AccessToken::create($secret, null, [], [], 3600, []), 3600);
$show('keys do not count', AccessToken::create($secret, channels: ['x' => 'a'], allow: [7 => 'b*']), 3600);
$show('converted', AccessToken::create($secret, 42, ttl: '30'), 30);
$show('longest', AccessToken::create($secret, ttl: 315360000), 315360000);
print_thrown('no object', fn () => new AccessToken);
?>
--EXPECT--
secret alone: {"alg":"HS256","typ":"JWT"} []
user: {"alg":"HS256","typ":"JWT"} {"sub":"Zo\u00eb \"42\""}
all: {"alg":"HS256","typ":"JWT"} {"sub":"42","channels":["private-user.42","orders"],"allow":["presence-room.*","news","*","everybody"],"info":{"name":"Zo\u00eb/","age":1.5}}
named: {"alg":"HS256","typ":"JWT"} {"info":{"n":[]}}
without effect: {"alg":"HS256","typ":"JWT"} []
keys do not count: {"alg":"HS256","typ":"JWT"} {"channels":["a"],"allow":["b*"]}
converted: {"alg":"HS256","typ":"JWT"} {"sub":"42"}
longest: {"alg":"HS256","typ":"JWT"} []
no object: Error: Call to private FASTAPI\WebSocket\AccessToken::__construct() from global scope
