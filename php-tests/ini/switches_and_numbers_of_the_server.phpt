--TEST--
The server's settings take PHP's notations and refuse what they do not understand
--EXTENSIONS--
fastapi_websocket
--INI--
fastapi_websocket.client_relay=off
fastapi_websocket.max_message_bytes=2M
--FILE--
<?php
foreach (['client_relay' => ['on', 'Off', '1', '0', '', 'maybe'], 'sleep_hook' => ['false', 'yes', '2'], 'max_message_bytes' => ['64K', '0', '-1'],
    'max_outbox_bytes' => ['1G', 'much'], 'max_connections' => ['10', '0'], 'max_memory' => ['1M', '0'],
    'max_messages_per_sec' => ['0', '100', '-1'], 'max_bytes_per_sec' => ['64K', '8G']] as $name => $values) {
    echo $name, ': ', var_export(ini_get("fastapi_websocket.$name"), true), "\n";
    foreach ($values as $value) {
        echo '  ', var_export($value, true), @ini_set("fastapi_websocket.$name", $value) === false ? ' refused' : ' taken', "\n";
    }
}
ini_set('fastapi_websocket.client_relay', 'maybe');
?>
--EXPECTF--
client_relay: ''
  'on' taken
  'Off' taken
  '1' taken
  '0' taken
  '' taken
  'maybe' refused
sleep_hook: '1'
  'false' taken
  'yes' taken
  '2' refused
max_message_bytes: '2M'
  '64K' taken
  '0' refused
  '-1' refused
max_outbox_bytes: '16777216'
  '1G' taken
  'much' refused
max_connections: '65536'
  '10' taken
  '0' refused
max_memory: '268435456'
  '1M' taken
  '0' refused
max_messages_per_sec: '0'
  '0' taken
  '100' taken
  '-1' refused
max_bytes_per_sec: '0'
  '64K' taken
  '8G' refused

Warning: ini_set(): fastapi_websocket.client_relay must be on or off, "maybe" is ignored in %s on line %d
