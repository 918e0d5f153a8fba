--TEST--
A wrong value is a ValueError that names the value and the rule
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\AccessToken;

$secret = str_repeat('s', 32);
$create = fn (string $label, mixed ...$arguments) => print_thrown($label, fn () => AccessToken::create(...$arguments) !== '');
$create('short secret', str_repeat('s', 31));
$create('empty secret', '');
$create('empty user', $secret, '');
$create('user', $secret, "\xff");
$create('long user', $secret, str_repeat('u', 201));
foreach (['', 'a b', 'a*', "\xff", '#server-to-user-1', str_repeat('x', 201)] as $channel) {
    $create('channel', $secret, null, ['a', $channel]);
}
$create('no string', $secret, null, ['a', 7]);
foreach (['', 'a b', '*a', 'a**', '#server-to-user-*'] as $pattern) {
    $create('allow', $secret, null, [], ['a*', $pattern]);
}
$create('no string', $secret, null, [], [null]);
foreach ([0, -1, 315360001, PHP_INT_MAX] as $ttl) {
    $create('ttl', $secret, null, [], [], $ttl);
}
$create('info is a list', $secret, null, [], [], 60, ['a']);
$create('info', $secret, null, [], [], 60, ['a' => NAN]);
$create('large info', $secret, null, [], [], 60, ['a' => str_repeat('x', 2000)]);
$create('many channels', $secret, null, array_map(fn ($i) => "c$i", range(1, 200)));
$create('large token', $secret, null, array_map(fn ($i) => str_pad("c$i", 200, 'x'), range(1, 60)));
$create('types', []);
$create('types', $secret, []);
$create('types', $secret, null, 'a');
$create('types', $secret, null, [], 'a');
$create('types', $secret, null, [], [], null);
$create('types', $secret, null, [], [], 60, 'a');
$create('too few');
$create('too many', $secret, null, [], [], 60, [], 7);
?>
--EXPECT--
short secret: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #1 ($secret) must have at least 32 bytes, 31 given: make one with `openssl rand -hex 32`
empty secret: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #1 ($secret) must have at least 32 bytes, 0 given: make one with `openssl rand -hex 32`
empty user: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #2 ($user) must not be empty: null is for a token without a user
user: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #2 ($user) must be valid UTF-8, "\xff" given
long user: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #2 ($user) must have 1 to 200 bytes
channel: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be names of channels that clients may have, "" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be names of channels that clients may have, "a b" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be names of channels that clients may have, "a*" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be names of channels that clients may have, "�" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be names of channels that clients may have, "#server-to-user-1" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be names of channels that clients may have, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... (201 bytes) given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
no string: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be a list of strings, int given in it
allow: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be names of channels, beginnings of names with a * at the end, or "everybody", "" given
allow: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be names of channels, beginnings of names with a * at the end, or "everybody", "a b" given
allow: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be names of channels, beginnings of names with a * at the end, or "everybody", "*a" given
allow: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be names of channels, beginnings of names with a * at the end, or "everybody", "a**" given
allow: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be names of channels, beginnings of names with a * at the end, or "everybody", "#server-to-user-*" given
no string: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be a list of strings, null given in it
ttl: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #5 ($ttl) must be at least 1 (seconds), 0 given
ttl: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #5 ($ttl) must be at least 1 (seconds), -1 given
ttl: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #5 ($ttl) must be 1 second to 10 years
ttl: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #5 ($ttl) must be 1 second to 10 years
info is a list: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #6 ($info) must have names as keys, a list given
info: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #6 ($info) cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
large info: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #6 ($info) must have at most 1024 bytes as JSON
many channels: ValueError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must have at most 128 names
large token: ValueError: FASTAPI\WebSocket\AccessToken::create(): such a token would be refused: it has more than 8192 bytes
types: TypeError: FASTAPI\WebSocket\AccessToken::create(): Argument #1 ($secret) must be of type string, array given
types: TypeError: FASTAPI\WebSocket\AccessToken::create(): Argument #2 ($user) must be of type ?string, array given
types: TypeError: FASTAPI\WebSocket\AccessToken::create(): Argument #3 ($channels) must be of type array, string given
types: TypeError: FASTAPI\WebSocket\AccessToken::create(): Argument #4 ($allow) must be of type array, string given
types: TypeError: FASTAPI\WebSocket\AccessToken::create(): Argument #5 ($ttl) must be of type int, null given
types: TypeError: FASTAPI\WebSocket\AccessToken::create(): Argument #6 ($info) must be of type array, string given
too few: ArgumentCountError: FASTAPI\WebSocket\AccessToken::create() expects at least 1 argument, 0 given
too many: ArgumentCountError: FASTAPI\WebSocket\AccessToken::create() expects at most 6 arguments, 7 given
