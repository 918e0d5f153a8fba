--TEST--
token_secret is refused as an ini value and shown nowhere; start() takes it from the environment
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$secret = str_repeat('hidden', 6);
$shown = function () use ($secret) {
    ob_start();
    phpinfo(INFO_MODULES | INFO_CONFIGURATION);
    var_dump(ini_get('fastapi_websocket.token_secret'), ini_get_all('fastapi_websocket'));
    return str_contains(ob_get_clean(), $secret) ? 'shown' : 'not shown';
};
var_dump(ini_set('fastapi_websocket.token_secret', $secret));
var_dump(ini_set('fastapi_websocket.token_secret', ''));
echo $shown(), "\n";

// What php.ini has is not ignored: the server would be another than was meant.
$script = escapeshellarg('ini_set("fastapi_websocket.token_secret", ""); phpinfo(INFO_MODULES | INFO_CONFIGURATION); var_dump(ini_get_all("fastapi_websocket", false));
    try { FASTAPI\WebSocket\WebSocketServer::getInstance()->start(); } catch (Exception $exception) { echo "start(): ", $exception->getMessage(), PHP_EOL; }');
$printed = run_php("-d display_errors=1 -d log_errors=0 -d html_errors=0 -d fastapi_websocket.token_secret=$secret -r $script");
echo str_contains($printed, $secret) ? 'shown' : 'not shown', "\n";
preg_match_all('/^.*is refused.*$/m', $printed, $lines);
echo implode("\n", $lines[0]), "\n";

$start = fn () => WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->start();
putenv("FASTAPI_WS_TOKEN_SECRET=$secret");
print_thrown('taken', $start);
putenv("FASTAPI_WS_TOKEN_SECRET=$secret,hidden");
print_thrown('short', $start);
echo $shown(), "\n";
?>
--EXPECTF--
Warning: ini_set(): fastapi_websocket.token_secret is refused, because scripts and phpinfo() could show it: name a file with the secret in fastapi_websocket.token_secret_file, or set the variable FASTAPI_WS_TOKEN_SECRET in %s on line %d
bool(false)
string(0) ""
not shown
not shown
Warning: PHP Startup: fastapi_websocket.token_secret is refused, because scripts and phpinfo() could show it: name a file with the secret in fastapi_websocket.token_secret_file, or set the variable FASTAPI_WS_TOKEN_SECRET in %s on line %d
start(): Failed to start the WebSocket server: fastapi_websocket.token_secret is refused, because scripts and phpinfo() could show it: name a file with the secret in fastapi_websocket.token_secret_file, or set the variable FASTAPI_WS_TOKEN_SECRET
taken: Exception: Failed to start the WebSocket server: fastapi_websocket.public_channels is not set: there is a key for tokens, so say which channels need none: fastapi_websocket.public_channels = "*" for all but private-... and presence-..., or fastapi_websocket.public_channels = "public.*" for those alone that begin so
short: Exception: Failed to start the WebSocket server: FASTAPI_WS_TOKEN_SECRET = [hidden],[hidden]: a secret has 6 bytes, and at least 32 are needed: make one with `openssl rand -hex 32`
not shown
