<?php
// Publishes to channels in every way of EventQueue and makes tokens, in several threads at the same time; run by
// php-tests/threads. Each thread checks its tokens, and all entries are compared with what the threads were told.
//
//   php threads_channels.php DIRECTORY

const THREADS = 8;
const REQUESTS = 3;
const ROUNDS = 40;

$directory = $argv[1];
for ($thread = 0; $thread < THREADS; $thread++) {
    mkdir("$directory/$thread", 0700, true);
}
$code = '$directory = ' . var_export($directory, true) . '; $rounds = ' . ROUNDS . ';' . <<<'PHP'
    use FASTAPI\WebSocket\AccessToken;
    use FASTAPI\WebSocket\EventQueue;

    $check = fn ($holds, $what) => $holds || print "thread $thread, request $request: $what\n";
    $decode = fn ($text) => base64_decode(strtr($text, '-_', '+/'));
    chdir("$directory/$thread");
    $shared = new EventQueue("$directory/shared");
    $own = new EventQueue('own');
    $channel = "private-thread.$thread";
    $secret = md5("secret of $thread, $request");
    $told = [];
    for ($i = 0; $i < $rounds; $i++) {
        $payload = fn ($step) => [$thread, $request, $i, $step];
        $told[] = $shared->publish('one', $payload(0), $channel, 60, ['high', 'normal', 'low'][$thread % 3], "key.$thread.$request.$i", "$thread.1");
        array_push($told, ...$shared->publishAll((function () use ($payload, $channel) {
            foreach ([1, 2, 3] as $step) {
                yield ['event' => 'several', 'payload' => $payload($step), 'channel' => [$channel, "more.$step"]];
            }
        })()));
        $shared->begin();
        $shared->publish('lost', $payload(4), $channel);
        // Neither the transaction of another thread nor that of another object of this one.
        $own->publish('own', $payload(0), $channel);
        $shared->rollback();
        $shared->begin();
        $begun = [$shared->publish('begun', $payload(4), $channel), $shared->publish('begun', $payload(5), $channel)];
        $committed = $shared->commit();
        $check($begun === $committed, 'commit() returned other uids');
        array_push($told, ...$committed);
        $told[] = $shared->transaction(fn () => $shared->publish('done', $payload(6), $channel));
        try {
            $shared->transaction(function () use ($shared, $payload, $channel) {
                $shared->publish('lost', $payload(7), $channel);
                throw new DomainException;
            });
            $check(false, 'no exception of the transaction');
        } catch (DomainException) {
        }

        $token = AccessToken::create($secret, "user.$thread", [$channel], ["team.$thread.*"], 60, ['round' => $i]);
        [$head, $claims, $signature] = explode('.', $token);
        $check(hash_equals(hash_hmac('sha256', "$head.$claims", $secret, true), $decode($signature)), 'a token signed with another secret');
        $claims = json_decode($decode($claims), true);
        $check([$claims['sub'], $claims['channels'], $claims['allow'], $claims['info']]
            === ["user.$thread", [$channel], ["team.$thread.*"], ['round' => $i]], 'a token of another user');
        try {
            AccessToken::create($secret, null, ["wrong $thread"]);
            $check(false, 'a wrong channel was not refused');
        } catch (ValueError $error) {
            $check(str_contains($error->getMessage(), "wrong $thread"), 'the error of another thread: ' . $error->getMessage());
        }
        $before = (int) (microtime(true) * 1000);
        $now = EventQueue::now();
        $after = (int) (microtime(true) * 1000);
        $check(preg_match('/^t\.(\d+)$/', $now, $match) && $match[1] >= $before - 1 && $match[1] <= $after + 1, "now() is $now, between $before and $after");
    }
    file_put_contents("$directory/told.$thread.$request", implode("\n", $told));
    PHP;
in_threads($code, THREADS, REQUESTS);

$problems = [];
// In the order of the names, which is that of queueing. Those of a thread's requests follow one another.
$found = array_fill(0, THREADS, []);
$entries = glob("$directory/shared/*.events");
foreach ($entries as $entry) {
    $lines = array_map(fn ($line) => json_decode($line, true), file($entry));
    [$thread, $request, $i, $step] = $lines[0]['payload'];
    $expected = match ($lines[0]['event']) {
        'one' => [0],
        'several' => [1, 2, 3],
        'begun' => [4, 5],
        'done' => [6],
        default => [],
    };
    if (array_column($lines, 'payload') !== array_map(fn ($step) => [$thread, $request, $i, $step], $expected)) {
        $problems[] = basename($entry) . ' has other events than one call has queued';
    }
    foreach ($lines as $line) {
        if ($line['channels'][0] !== "private-thread.$thread") {
            $problems[] = "an event of thread $thread is for " . $line['channels'][0];
        }
        $found[$thread][] = $line['uid'];
    }
}
foreach ($found as $thread => $uids) {
    $told = array_merge(...array_map(fn ($request) => file("$directory/told.$thread.$request", FILE_IGNORE_NEW_LINES), range(0, REQUESTS - 1)));
    if ($uids !== $told) {
        $problems[] = "thread $thread was told other uids than the queue has, or in another order";
    }
    if (count(glob("$directory/$thread/own/*.events")) !== REQUESTS * ROUNDS) {
        $problems[] = "thread $thread has not queued all that is in its own directory";
    }
}
$uids = array_merge(...$found);
echo implode('', array_map(fn ($problem) => "$problem\n", array_slice($problems, 0, 10)));
echo count($entries), ' entries, ', count($uids), ' events, ', count(array_unique($uids)), " different\n";
