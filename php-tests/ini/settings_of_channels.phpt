--TEST--
The settings of channels and tokens refuse what they do not understand; what does not go together, start() refuses
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

set_error_handler(function ($level, $text) { echo "    $text\n"; return true; });
foreach ([
    'anonymous' => ['off', '', 'On', 'nobody'],
    'public_channels' => ['*', 'news, public.*', '', 'public.*,', 'pub*lic', '#server-to-user-1'],
    'allowed_origins' => ['same-host,https://example.com', '', 'example.com', 'https://user:word@example.com/?token=word'],
    'max_channels' => ['5', '10K', '', '0', 'many', '99999999999'],
    'max_channels_per_client' => ['1', '-1'],
    'max_subscriptions' => ['7', '0.5'],
    'token_audience' => ['us', ''],
    'token_issuer' => ['us', ''],
    'token_secret_file' => ['/run/a, /run/b', '', 'secret', '/run/a,,/run/b'],
    'token_public_key_file' => ['/run/a', '', "/run/\xff"],
] as $name => $values) {
    echo "$name\n";
    foreach ($values as $value) {
        echo '  ', json_encode($value, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
        if (ini_set("fastapi_websocket.$name", $value) === false) {
            echo "    refused\n";
        }
    }
    ini_restore("fastapi_websocket.$name");
}
restore_error_handler();

$directory = queue_directory(__FILE__);
mkdir($directory);
$short = "$directory/short";
$secret = "$directory/secret";
file_put_contents($short, 'hidden');
$pem = "$directory/pem";
file_put_contents($pem, "-----BEGIN PUBLIC KEY-----\n");
file_put_contents($secret, str_repeat('hidden', 6));
chmod($short, 0600);
chmod($pem, 0600);
chmod($secret, 0644);
$start = fn () => WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->start();
foreach ([
    'closed for all' => ['anonymous' => '0'],
    'no file' => ['token_secret_file' => "$directory/none"],
    'file for all to read' => ['token_secret_file' => $secret],
    'short' => ['token_secret_file' => $short],
    'no public key' => ['token_public_key_file' => $short],
    'key in PEM' => ['token_secret_file' => $pem],
    'out of bounds' => ['max_connections' => '99999999999'],
] as $label => $settings) {
    foreach ($settings as $name => $value) {
        ini_set("fastapi_websocket.$name", $value);
    }
    print_thrown($label, $start, $directory);
    array_map(fn ($name) => ini_restore("fastapi_websocket.$name"), array_keys($settings));
}
chmod($secret, 0600);
ini_set('fastapi_websocket.token_secret_file', $secret);
print_thrown('public channels are missing', $start, $directory);
ini_set('open_basedir', '/nowhere');
print_thrown('outside of open_basedir', $start, $directory);

echo "wrong in php.ini\n";
$script = escapeshellarg('echo ini_get("fastapi_websocket.anonymous"), PHP_EOL; $server = FASTAPI\WebSocket\WebSocketServer::getInstance()->port(0);
    try { $server->start(); } catch (Exception $exception) { echo $exception->getMessage(), PHP_EOL; }
    ini_set("fastapi_websocket.anonymous", "on");
    ini_set("fastapi_websocket.public_channels", "a b");
    try { $server->host("no address")->start(); } catch (Exception $exception) { echo $exception->getMessage(), PHP_EOL; }');
echo run_php("-d display_errors=1 -d log_errors=0 -d html_errors=0 -d fastapi_websocket.anonymous=nobody -r $script");
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECTF--
anonymous
  "off"
  ""
  "On"
  "nobody"
    ini_set(): fastapi_websocket.anonymous = nobody: must be on or off
    refused
public_channels
  "*"
  "news, public.*"
  ""
  "public.*,"
    ini_set(): fastapi_websocket.public_channels = public.*,: an item is empty
    refused
  "pub*lic"
    ini_set(): fastapi_websocket.public_channels = pub*lic: is no pattern: write a channel name, or the beginning of names and a * at its end, of at most 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
    refused
  "#server-to-user-1"
    ini_set(): fastapi_websocket.public_channels = #server-to-user-1: is no pattern: write a channel name, or the beginning of names and a * at its end, of at most 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
    refused
allowed_origins
  "same-host,https://example.com"
  ""
    ini_set(): fastapi_websocket.allowed_origins = : "" is no origin: use same-host, *, scheme://host[:port] such as https://example.com, or https://*.example.com
    refused
  "example.com"
    ini_set(): fastapi_websocket.allowed_origins = example.com: "example.com" is no origin, it has no scheme: write https:// before it
    refused
  "https://user:word@example.com/?token=word"
    ini_set(): fastapi_websocket.allowed_origins = https://[hidden]@example.com/?token=[hidden]: "https://[hidden]@example.com/?token=[hidden]" ends with "/?token=[hidden]", which is no part of an origin: write https://example.com
    refused
max_channels
  "5"
  "10K"
  ""
  "0"
    ini_set(): fastapi_websocket.max_channels = 0: must be a whole number of at least 1
    refused
  "many"
    ini_set(): fastapi_websocket.max_channels = many: must be a whole number of at least 1
    refused
  "99999999999"
    ini_set(): fastapi_websocket.max_channels = 99999999999: must be at most 1073741824
    refused
max_channels_per_client
  "1"
  "-1"
    ini_set(): fastapi_websocket.max_channels_per_client = -1: must be a whole number of at least 1
    refused
max_subscriptions
  "7"
  "0.5"
    ini_set(): fastapi_websocket.max_subscriptions = 0.5: must be a whole number of at least 1
    refused
token_audience
  "us"
  ""
token_issuer
  "us"
  ""
token_secret_file
  "/run/a, /run/b"
  ""
  "secret"
    ini_set(): fastapi_websocket.token_secret_file must be an absolute path, or several with commas between
    refused
  "/run/a,,/run/b"
    ini_set(): fastapi_websocket.token_secret_file must be an absolute path, or several with commas between
    refused
token_public_key_file
  "/run/a"
  ""
  "/run/\ufffd"
    ini_set(): fastapi_websocket.token_public_key_file must be valid UTF-8
    refused
closed for all: Exception: Failed to start the WebSocket server: fastapi_websocket.anonymous = false: without a key for tokens nobody could connect: set fastapi_websocket.token_secret_file or fastapi_websocket.token_public_key_file
no file: Exception: Failed to start the WebSocket server: fastapi_websocket.token_secret_file = DIRECTORY/none: cannot read DIRECTORY/none: No such file or directory (os error 2)
file for all to read: Exception: Failed to start the WebSocket server: fastapi_websocket.token_secret_file = DIRECTORY/secret: every user of the machine can use the secret in DIRECTORY/secret (mode 0644): chmod o= DIRECTORY/secret (in a container: `mode` of the secret in Compose, `defaultMode` in Kubernetes, 0440)
short: Exception: Failed to start the WebSocket server: fastapi_websocket.token_secret_file = DIRECTORY/short: DIRECTORY/short is refused: a secret has 6 bytes, and at least 32 are needed: make one with `openssl rand -hex 32`
no public key: Exception: Failed to start the WebSocket server: fastapi_websocket.token_public_key_file = DIRECTORY/short: DIRECTORY/short holds no public key in PEM: it begins with -----BEGIN PUBLIC KEY-----
key in PEM: Exception: Failed to start the WebSocket server: fastapi_websocket.token_secret_file = DIRECTORY/pem: DIRECTORY/pem holds a key in PEM and no secret: a public key goes into fastapi_websocket.token_public_key_file
out of bounds: Exception: Failed to start the WebSocket server: fastapi_websocket.max_connections = 99999999999: must be at most 1073741824
public channels are missing: Exception: Failed to start the WebSocket server: fastapi_websocket.public_channels is not set: there is a key for tokens, so say which channels need none: fastapi_websocket.public_channels = "*" for all but private-... and presence-..., or fastapi_websocket.public_channels = "public.*" for those alone that begin so
outside of open_basedir: Exception: Failed to start the WebSocket server: fastapi_websocket.token_secret_file = DIRECTORY/secret: is outside of open_basedir
wrong in php.ini

Warning: PHP Startup: fastapi_websocket.anonymous = nobody: must be on or off in %s on line %d
nobody
Failed to start the WebSocket server: fastapi_websocket.anonymous = nobody: must be on or off

Warning: ini_set(): fastapi_websocket.public_channels = a b: is no pattern: write a channel name, or the beginning of names and a * at its end, of at most 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : / in %s on line %d
Failed to bind WebSocket to no address:0
