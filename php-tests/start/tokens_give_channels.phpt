--TEST--
With a key, channels that are not public need a token of AccessToken; one that does not count is refused
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/channels.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
[$old, $new] = [bin2hex(random_bytes(16)), bin2hex(random_bytes(16))];
$code = '
    $server->eventQueue(' . var_export($directory, true) . ');
    $server->on("/chat", function ($connection) { $connection->send("hello"); });
';
$server = new ServerProcess($code, '', "-d 'fastapi_websocket.public_channels=news, public.*'", shell: "FASTAPI_WS_TOKEN_SECRET=$new,$old");
$token = AccessToken::create($old, '42', ['private-user.42'], ['team.*']);
$expired = signed($old, ['sub' => '42', 'exp' => time() - 60, 'channels' => ['private-user.42']]);

echo "without a token\n";
$native = $server->connect('/', [NATIVE]);
echo '  ', receive($native), "\n";
foreach (['news', 'public.a', 'private-user.42', 'team.a'] as $channel) {
    echo "  $channel: ", ask($native, ['type' => 'subscribe', 'channel' => $channel]), "\n";
}
echo '  ', attempt($server, '/?channel=private-user.42'), "\n";
echo '  ', attempt($server, '/?channel=news'), "\n";
// A handler answers there, and gets only what it is sent.
echo '  ', attempt($server, '/chat', []), "\n";

echo "with a token\n";
echo '  ', ask($native, ['type' => 'authenticate', 'token' => $token]), "\n";
// The token's channels are subscribed at once.
echo '  ', receive($native), "\n";
foreach (['private-user.42', 'team.a', 'private-user.43'] as $channel) {
    echo "  $channel: ", ask($native, ['type' => 'subscribe', 'channel' => $channel]), "\n";
}
$by_url = $server->connect("/?token=$token");
echo '  ', receive($by_url), "\n";
(new EventQueue($directory))->publish('paid', 7, channel: 'private-user.42');
echo '  ', receive($native), "\n  ", receive($by_url), "\n";
// On the path of a handler it names who the client is, and subscribes nothing.
echo '  ', attempt($server, "/chat?token=$token", []), "\n";

echo "with a token that does not count\n";
foreach (['expired' => $expired, 'of another key' => AccessToken::create(bin2hex(random_bytes(16)), '42'), 'none' => 'x'] as $kind => $bad) {
    echo "  $kind: ", attempt($server, '/', [NATIVE, "Authorization: Bearer $bad"]), "\n";
    echo "  $kind: ", ask($native, ['type' => 'authenticate', 'token' => $bad]), "\n";
    echo "  $kind, with a handler: ", attempt($server, "/chat?token=$bad", []), "\n";
}
echo '  page: ', $server->connect('/', [NATIVE, 'Origin: https://example.com', "Authorization: Bearer $expired"])->readClose(), "\n";
// Pages of any origin may connect, so any could use the browser's cookie.
echo '  cookie: ', attempt($server, '/?channel=private-user.42', ['Origin: https://example.com', "Cookie: fastapi_ws_token=$token"]), "\n";
$printed = $server->stop();
echo $printed, str_contains($printed, $old) || str_contains($printed, $new) ? "a secret is shown\n" : '';

echo "without anonymous clients, for pages that are named\n";
$file = "$directory/secret";
file_put_contents($file, "$new\n");
chmod($file, 0600);
$settings = "-d fastapi_websocket.anonymous=off -d fastapi_websocket.public_channels=news"
    . " -d fastapi_websocket.allowed_origins=https://example.com -d fastapi_websocket.token_secret_file=$file"
    . ' -d fastapi_websocket.token_audience=us';
$server = new ServerProcess('$server->on("/chat", function ($connection) { $connection->send("hello"); });', '', $settings);
echo '  ', attempt($server, '/chat', []), "\n  ", attempt($server, '/'), "\n";
$claims = ['exp' => time() + 60, 'channels' => ['news']];
echo '  ', attempt($server, '/', ['Authorization: Bearer ' . signed($new, $claims)]), "\n";
$cookie = 'Cookie: fastapi_ws_token=' . signed($new, $claims + ['aud' => 'us']);
echo '  ', attempt($server, '/', ['Origin: https://example.com', $cookie]), "\n";
echo '  ', attempt($server, '/', ['Origin: https://example.org', $cookie]), "\n";
unset($server);
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECTF--
without a token
  {"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":[],"id":"ID"}
  news: {"type":"subscribed","channels":["news"],"id":"ID"}
  public.a: {"type":"subscribed","channels":["public.a"],"id":"ID"}
  private-user.42: {"type":"error","code":101,"message":"private-user.42: not authenticated"}
  team.a: {"type":"error","code":101,"message":"team.a: not authenticated"}
  handshake refused: HTTP/1.1 401 Unauthorized
  {"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":["news"],"id":"ID"}
  hello
with a token
  {"type":"authenticated","user":"42","expires_at":"EXPIRES_AT"}
  {"type":"subscribed","channels":["private-user.42"],"id":"ID"}
  private-user.42: {"type":"subscribed","channels":["private-user.42"],"id":"ID"}
  team.a: {"type":"subscribed","channels":["team.a"],"id":"ID"}
  private-user.43: {"type":"error","code":103,"message":"private-user.43: not allowed"}
  {"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":["private-user.42"],"id":"ID"}
  {"event":"paid","payload":7,"timestamp":"TIMESTAMP","id":"ID","channel":"private-user.42"}
  {"event":"paid","payload":7,"timestamp":"TIMESTAMP","id":"ID","channel":"private-user.42"}
  hello
with a token that does not count
  expired: handshake refused: HTTP/1.1 401 Unauthorized
  expired: {"type":"error","code":109,"message":"token expired"}
  expired, with a handler: handshake refused: HTTP/1.1 401 Unauthorized
  of another key: handshake refused: HTTP/1.1 401 Unauthorized
  of another key: {"type":"error","code":101,"message":"not authenticated"}
  of another key, with a handler: handshake refused: HTTP/1.1 401 Unauthorized
  none: handshake refused: HTTP/1.1 401 Unauthorized
  none: {"type":"error","code":101,"message":"not authenticated"}
  none, with a handler: handshake refused: HTTP/1.1 401 Unauthorized
  page: 4401 token expired
  cookie: the server has closed: not authenticated
%s WARN a token is refused rule=no configured key has made its signature%s
without anonymous clients, for pages that are named
  handshake refused: HTTP/1.1 401 Unauthorized
  handshake refused: HTTP/1.1 401 Unauthorized
  handshake refused: HTTP/1.1 401 Unauthorized
  {"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":["news"],"id":"ID"}
  handshake refused: HTTP/1.1 403 Forbidden
