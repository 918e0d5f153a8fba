--TEST--
php -m, --ri and phpinfo() show the name, the version and the settings
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

var_dump(in_array('fastapi_websocket', explode("\n", run_php('-m')), true));
preg_match('/^version = "(.+)"$/m', file_get_contents(__DIR__ . '/../../Cargo.toml'), $match);
var_dump(phpversion('fastapi_websocket') === $match[1]);
echo run_php('--ri fastapi_websocket');

ini_set('fastapi_websocket.fsync', 'data');
ob_start();
phpinfo(INFO_MODULES);
preg_match('/^fastapi_websocket\n.*?token_secret_file[^\n]*\n/ms', ob_get_clean(), $section);
echo $section[0];
var_dump(ini_get_all('fastapi_websocket')['fastapi_websocket.max_event_bytes']['access'] === INI_ALL);
?>
--EXPECTF--
bool(true)
bool(true)

fastapi_websocket

fastapi_websocket => enabled
Version => %d.%d.%d%S

Directive => Local Value => Master Value
fastapi_websocket.allowed_origins => * => *
fastapi_websocket.anonymous => 1 => 1
fastapi_websocket.channel => no value => no value
fastapi_websocket.client_relay => 1 => 1
fastapi_websocket.fsync => none => none
fastapi_websocket.history_bytes => 67108864 => 67108864
fastapi_websocket.history_dir => no value => no value
fastapi_websocket.history_events => 100 => 100
fastapi_websocket.history_events_everybody => no value => no value
fastapi_websocket.history_meta_secs => 86400 => 86400
fastapi_websocket.history_ttl_secs => 300 => 300
fastapi_websocket.max_bytes_per_sec => 0 => 0
fastapi_websocket.max_channels => 1000000 => 1000000
fastapi_websocket.max_channels_per_client => 128 => 128
fastapi_websocket.max_connections => 65536 => 65536
fastapi_websocket.max_event_bytes => 1048576 => 1048576
fastapi_websocket.max_memory => 268435456 => 268435456
fastapi_websocket.max_message_bytes => 1048576 => 1048576
fastapi_websocket.max_messages_per_sec => 0 => 0
fastapi_websocket.max_outbox_bytes => 16777216 => 16777216
fastapi_websocket.max_subscriptions => no value => no value
fastapi_websocket.path => no value => no value
fastapi_websocket.public_channels => no value => no value
fastapi_websocket.queue => directory => directory
fastapi_websocket.recover_bytes => 524288 => 524288
fastapi_websocket.recover_limit => 1000 => 1000
fastapi_websocket.sleep_hook => 1 => 1
fastapi_websocket.token_audience => no value => no value
fastapi_websocket.token_issuer => no value => no value
fastapi_websocket.token_public_key_file => no value => no value
fastapi_websocket.token_secret => no value => no value
fastapi_websocket.token_secret_file => no value => no value
fastapi_websocket

fastapi_websocket => enabled
Version => %d.%d.%d%S

Directive => Local Value => Master Value
fastapi_websocket.allowed_origins => * => *
fastapi_websocket.anonymous => 1 => 1
fastapi_websocket.channel => no value => no value
fastapi_websocket.client_relay => 1 => 1
fastapi_websocket.fsync => data => none
fastapi_websocket.history_bytes => 67108864 => 67108864
fastapi_websocket.history_dir => no value => no value
fastapi_websocket.history_events => 100 => 100
fastapi_websocket.history_events_everybody => no value => no value
fastapi_websocket.history_meta_secs => 86400 => 86400
fastapi_websocket.history_ttl_secs => 300 => 300
fastapi_websocket.max_bytes_per_sec => 0 => 0
fastapi_websocket.max_channels => 1000000 => 1000000
fastapi_websocket.max_channels_per_client => 128 => 128
fastapi_websocket.max_connections => 65536 => 65536
fastapi_websocket.max_event_bytes => 1048576 => 1048576
fastapi_websocket.max_memory => 268435456 => 268435456
fastapi_websocket.max_message_bytes => 1048576 => 1048576
fastapi_websocket.max_messages_per_sec => 0 => 0
fastapi_websocket.max_outbox_bytes => 16777216 => 16777216
fastapi_websocket.max_subscriptions => no value => no value
fastapi_websocket.path => no value => no value
fastapi_websocket.public_channels => no value => no value
fastapi_websocket.queue => directory => directory
fastapi_websocket.recover_bytes => 524288 => 524288
fastapi_websocket.recover_limit => 1000 => 1000
fastapi_websocket.sleep_hook => 1 => 1
fastapi_websocket.token_audience => no value => no value
fastapi_websocket.token_issuer => no value => no value
fastapi_websocket.token_public_key_file => no value => no value
fastapi_websocket.token_secret => no value => no value
fastapi_websocket.token_secret_file => no value => no value
bool(true)
