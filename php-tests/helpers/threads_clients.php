<?php
// Runs two servers with keys and queues of their own in two threads, and clients of them in six others, each of which
// makes its token, publishes to its channel and receives it; run by php-tests/threads. In the second round the clients
// go on after what they received in the first.
//
//   php threads_clients.php DIRECTORY

const SERVERS = 2;
const CLIENTS = 6;

$directory = $argv[1];
mkdir($directory, 0700, true);
for ($server = 0; $server < SERVERS; $server++) {
    touch("$directory/secret.$server");
    chmod("$directory/secret.$server", 0600);
    file_put_contents("$directory/secret.$server", bin2hex(random_bytes(32)));
}
$code = '$directory = ' . var_export($directory, true) . '; $servers = ' . SERVERS . '; $clients = ' . CLIENTS . ';'
    . ' require_once ' . var_export(__DIR__ . '/client.php', true) . ';' . <<<'PHP'
    use FASTAPI\WebSocket\AccessToken;
    use FASTAPI\WebSocket\EventQueue;
    use FASTAPI\WebSocket\WebSocketServer;

    $say = fn ($text) => print "round $request, thread $thread: $text\n";
    $of = $thread % $servers;
    $place = "$directory/address.$of.$request";
    if ($thread < $servers) {
        ini_set('fastapi_websocket.token_secret_file', "$directory/secret.$of");
        ini_set('fastapi_websocket.public_channels', "public-$of.*");
        $server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->eventQueue("$directory/queue.$of");
        $ended = 0;
        $server->on('/ended', function ($connection) use ($server, &$ended, $clients, $servers) {
            $connection->send('counted');
            ++$ended === intdiv($clients, $servers) && $server->stop();
        });
        ob_start(function (string $line) use ($place) {
            if (!preg_match('~^WebSocket server started on ws://(.+)\n$~', $line, $match)) {
                return $line;
            }
            file_put_contents("$place.part", $match[1]);
            rename("$place.part", $place);
            return '';
        }, 1);
        try {
            $server->start();
        } catch (Exception $exception) {
            file_put_contents("$place.failed", '');
            throw $exception;
        } finally {
            ob_end_flush();
        }
        return;
    }

    while (!file_exists($place) && !file_exists("$place.failed")) {
        usleep(1000);
        clearstatcache();
    }
    if (!file_exists($place)) {
        return;
    }
    $address = file_get_contents($place);
    $queue = new EventQueue("$directory/queue.$of");
    $channel = "private-thread.$thread";
    $token = fn ($key) => AccessToken::create(file_get_contents("$directory/secret.$key"), "user.$thread", [$channel]);
    $connect = fn ($key, $more = '') => new Client($address, "/?everybody=0$more", ['Authorization: Bearer ' . $token($key)], 30);
    $refused = function ($target, $headers) use ($address) {
        try {
            new Client($address, $target, $headers, 30);
        } catch (Exception $exception) {
            return strtok($exception->getMessage(), "\r\n");
        }
        return 'not refused';
    };
    $receive = function ($client, $count) use ($say, $channel) {
        $payloads = [];
        for ($i = 0; $i < $count; $i++) {
            $message = json_decode($client->read(), true);
            if (($message['channel'] ?? '') !== $channel) {
                $say('received ' . json_encode($message));
            }
            $payloads[] = $message['payload'] ?? null;
            $id = $message['id'] ?? '';
        }
        return [$payloads, $id];
    };
    try {
        // The server of the other thread has another key and other public channels.
        $other = ($of + 1) % $servers;
        $bearer = 'Authorization: Bearer ' . $token($other);
        $answers = [$refused("/?channel=$channel", []), $refused("/?channel=public-$other.a", []), $refused('/', [$bearer])];
        if ($answers !== array_fill(0, 3, 'handshake refused: HTTP/1.1 401 Unauthorized')) {
            $say('without its token: ' . json_encode($answers));
        }
        $file = "$directory/id.$thread";
        if ($request > 0) {
            $queue->publish('missed', 'missed', $channel);
            $client = $connect($of, '&after=' . file_get_contents($file));
            $welcome = json_decode($client->read(), true);
            if ($welcome['channels'] !== [$channel] || $welcome['recovered'] !== true) {
                $say(json_encode($welcome));
            }
            [$payloads] = $receive($client, 1);
            if ($payloads !== ['missed']) {
                $say('after the first round: ' . json_encode($payloads));
            }
        } else {
            $client = $connect($of);
            $welcome = json_decode($client->read(), true);
            if ($welcome['channels'] !== [$channel]) {
                $say(json_encode($welcome));
            }
        }
        $expected = [];
        for ($i = 0; $i < 60; $i++) {
            $queue->publish('one', $expected[] = [$thread, $request, $i, 0], $channel);
            $queue->publish('of nobody', $thread, 'private-thread.none');
            $queue->publishAll([
                ['event' => 'several', 'payload' => $expected[] = [$thread, $request, $i, 1], 'channel' => $channel],
                ['event' => 'several', 'payload' => $expected[] = [$thread, $request, $i, 2], 'channel' => $channel],
            ]);
        }
        [$payloads, $id] = $receive($client, count($expected));
        if ($payloads !== $expected) {
            $say('received other events, or in another order: ' . json_encode($payloads));
        }
        $client->drop();
        // What comes while it is away, it gets when it is back.
        $queue->publish('away', 'away', $channel);
        $client = $connect($of, "&after=$id");
        $welcome = json_decode($client->read(), true);
        [$payloads, $id] = $receive($client, 1);
        if ($welcome['recovered'] !== true || $payloads !== ['away']) {
            $say(json_encode([$welcome, $payloads]));
        }
        file_put_contents($file, $id);
        $client->drop();
        echo "received " . count($expected) . " events\n";
    } catch (Exception $exception) {
        $say($exception->getMessage());
    }
    (new Client($address, '/ended', timeout: 30))->read();
    PHP;
in_threads($code, SERVERS + CLIENTS, 2);
