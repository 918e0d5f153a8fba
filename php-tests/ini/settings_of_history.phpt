--TEST--
The settings of history take 0 where that means none, and refuse what they do not understand
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

set_error_handler(function ($level, $text) { echo "    $text\n"; return true; });
foreach ([
    'history_events' => ['0', '10K', '', '-1', 'many', '99999999999'],
    'history_events_everybody' => ['0', '5', ''],
    'history_ttl_secs' => ['0', '60', '1.5', '5 min'],
    'history_bytes' => ['0', '16M', '2T'],
    'history_meta_secs' => ['0'],
    'recover_limit' => ['1', '0'],
    'recover_bytes' => ['64K', '0'],
    'history_dir' => ['/var/lib/history', '', 'history'],
    'channel' => ['cursor.* history_events=1; news history_ttl_secs=60', '', 'cursor.*', 'a*b history_events=1', 'a history_events=x'],
] as $name => $values) {
    echo "$name\n";
    foreach ($values as $value) {
        echo '  ', json_encode($value, JSON_UNESCAPED_SLASHES), "\n";
        if (ini_set("fastapi_websocket.$name", $value) === false) {
            echo "    refused\n";
        }
    }
    ini_restore("fastapi_websocket.$name");
}
restore_error_handler();

$directory = queue_directory(__FILE__);
$start = fn () => WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->eventQueue($directory)->start();
ini_set('fastapi_websocket.max_outbox_bytes', '1M');
ini_set('fastapi_websocket.recover_bytes', '2M');
print_thrown('more than may wait for a client', $start, $directory);
ini_restore('fastapi_websocket.recover_bytes');
ini_set('fastapi_websocket.history_dir', "$directory/missing/history");
print_thrown('no parent', $start, $directory);
ini_set('fastapi_websocket.history_dir', '/nowhere/history');
ini_set('open_basedir', dirname($directory));
print_thrown('outside of open_basedir', $start, $directory);
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
history_events
  "0"
  "10K"
  ""
  "-1"
    ini_set(): fastapi_websocket.history_events = -1: must be a whole number of at least 0
    refused
  "many"
    ini_set(): fastapi_websocket.history_events = many: must be a whole number of at least 0
    refused
  "99999999999"
    ini_set(): fastapi_websocket.history_events = 99999999999: must be 0 to 1073741824
    refused
history_events_everybody
  "0"
  "5"
  ""
history_ttl_secs
  "0"
  "60"
  "1.5"
    ini_set(): fastapi_websocket.history_ttl_secs = 1.5: must be a whole number of at least 0
    refused
  "5 min"
    ini_set(): fastapi_websocket.history_ttl_secs = 5 min: must be a whole number of at least 0
    refused
history_bytes
  "0"
  "16M"
  "2T"
    ini_set(): fastapi_websocket.history_bytes = 2T: must be a whole number of at least 0
    refused
history_meta_secs
  "0"
recover_limit
  "1"
  "0"
    ini_set(): fastapi_websocket.recover_limit = 0: must be a whole number of at least 1
    refused
recover_bytes
  "64K"
  "0"
    ini_set(): fastapi_websocket.recover_bytes = 0: must be a whole number of at least 1
    refused
history_dir
  "/var/lib/history"
  ""
  "history"
    ini_set(): fastapi_websocket.history_dir = history: must be an absolute path
    refused
channel
  "cursor.* history_events=1; news history_ttl_secs=60"
  ""
  "cursor.*"
    ini_set(): fastapi_websocket.channel = cursor.*: is no rule: write a pattern, and history_events=COUNT or history_ttl_secs=SECONDS or both behind it
    refused
  "a*b history_events=1"
    ini_set(): fastapi_websocket.channel = a*b history_events=1: is no pattern: write a channel name, or the beginning of names and a * at its end, of at most 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
    refused
  "a history_events=x"
    ini_set(): fastapi_websocket.channel = a history_events=x: history_events must be a whole number, at most 1073741824
    refused
more than may wait for a client: Exception: Failed to start the WebSocket server: fastapi_websocket.recover_bytes = 2097152: must be at most fastapi_websocket.max_outbox_bytes, or a client that comes back could be disconnected as slow
no parent: Exception: Failed to start the WebSocket server: the history directory DIRECTORY/missing/history cannot be created: create the directory that it is in, or name another one in history_dir
outside of open_basedir: Exception: Failed to start the WebSocket server: fastapi_websocket.history_dir = /nowhere/history: is outside of open_basedir