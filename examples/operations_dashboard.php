<?php
// A wall display for operations: alerts, jobs, deployments and figures of several producers, and how the broadcaster
// itself is. Only the operations group sees it.
//
//   openssl rand -hex 32 >secret && chmod 600 secret
//   export EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue TOKEN_SECRET_FILE=secret
//   fastapi-broadcaster --queue $EVENT_QUEUE_PATH --token-secret-file secret --public-channels '*' \
//       --admin-listen 127.0.0.1:9611
//   ADMIN_URL=http://127.0.0.1:9611 php -S 127.0.0.1:8080 operations_dashboard.php
//
// Open http://127.0.0.1:8080/ and log in as Olga, of the operations group. Then let others publish, from another shell
// with the same two variables:
//
//   php operations_dashboard.php figures                        by cron, each minute
//   php operations_dashboard.php alert db1 'the disk is full'   a check that has failed
//   php operations_dashboard.php close db1                      the same check, later
//   fastapi-broadcaster publish deployment.finished '{"service": "shop", "version": "1.4.2"}' \
//       --channel private-operations --queue $EVENT_QUEUE_PATH  a script of the deployment, without PHP
//
//   private-operations   all of it; tokens for it are made for the operations group alone

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

require_once __DIR__ . '/example_support.php';

const GROUPS = ['olga' => 'operations', 'omar' => 'operations', 'ann' => 'sales'];
const CHANNEL = 'private-operations';
const KEPT_JOBS = 8;

function login(): array
{
    $user = requiredText(requestBody(), 'user');
    if (!isset(GROUPS[$user])) {
        throw new Refusal(403, "there is no user $user");
    }
    beginSession($user);

    return [200, ['user' => $user]];
}

function requireOperations(): string
{
    $user = requireUser();
    if (GROUPS[$user] !== 'operations') {
        throw new Refusal(403, "$user is not in the operations group");
    }

    return $user;
}

function token(): array
{
    $user = requireOperations();

    return [200, ['token' => AccessToken::create(tokenSecret(), user: $user, channels: [CHANNEL], ttl: 120)]];
}

/** What the display begins with. Figures come each minute, and nobody keeps deployments: the display shows new ones. */
function showState(): array
{
    requireOperations();
    // Before the data is read. What is queued from here on reaches the page as an event, also before it is connected.
    $after = EventQueue::now();
    $operations = operations();

    return [200, [
        'after' => $after,
        'channel' => CHANNEL,
        'jobs' => array_values($operations['jobs']),
        'alerts' => array_values($operations['alerts']),
    ]];
}

/**
 * The admin listener answers on the loopback, where reading needs no token. The page gets some of it from here, and
 * cannot ask the listener itself.
 */
function broadcaster(): array
{
    requireOperations();
    $url = getenv('ADMIN_URL') ?: 'http://127.0.0.1:9611';
    $answer = @file_get_contents("$url/status.json", context: stream_context_create(['http' => ['timeout' => 2]]));
    $status = json_decode((string) $answer, true);
    if (!is_array($status)) {
        throw new Refusal(502, 'the broadcaster does not answer');
    }

    return [200, [
        'ready' => $status['ready'],
        'problems' => array_column($status['problems'], 'what'),
        'clients' => array_sum($status['connections']),
        'waiting' => $status['queue']['pending_events'] ?? null,
        'oldest_seconds' => $status['queue']['oldest_age_seconds'] ?? null,
    ]];
}

/** A job of the site. Your queue worker does this. */
function runJob(): array
{
    requireOperations();
    $name = requiredText(requestBody(), 'name', 100);
    $id = bin2hex(random_bytes(4));
    $begun = microtime(true);
    // The start is seen at once, so these are two events and no transaction.
    changeJob(['id' => $id, 'name' => $name, 'state' => 'runs']);
    hash_pbkdf2('sha256', $name, $id, 200_000);
    $took = round(microtime(true) - $begun, 2);
    $queued = changeJob(['id' => $id, 'name' => $name, 'state' => "took $took s"]);

    return [201, ['id' => $id, 'queued' => $queued]];
}

function changeJob(array $job): bool
{
    operations(function (array $operations) use ($job) {
        $operations['jobs'][$job['id']] = $job;
        $operations['jobs'] = array_slice($operations['jobs'], -KEPT_JOBS, preserve_keys: true);

        return $operations;
    });

    return publish('job.changed', $job);
}

function raiseAlert(string $on, string $text): bool
{
    $alert = ['on' => $on, 'text' => $text];
    operations(function (array $operations) use ($on, $alert) {
        $operations['alerts'][$on] = $alert;

        return $operations;
    });

    // Where many events wait, an alert does not wait for all of them.
    return publish('alert.raised', $alert, priority: EventQueue::HIGH);
}

function closeAlert(string $on): bool
{
    operations(function (array $operations) use ($on) {
        unset($operations['alerts'][$on]);

        return $operations;
    });

    // The same priority as the alert: the order of events holds within one.
    return publish('alert.closed', ['on' => $on], priority: EventQueue::HIGH);
}

function publishFigures(): bool
{
    $free = disk_free_space(__DIR__) / disk_total_space(__DIR__);
    $figures = ['load' => round(sys_getloadavg()[0], 2), 'disk_free_percent' => (int) round(100 * $free)];

    // After a minute there are newer ones, and they delay nothing else.
    return publish('figures', $figures, priority: EventQueue::LOW, ttl: 60);
}

function publish(string $event, array $payload, string $priority = EventQueue::NORMAL, ?int $ttl = null): bool
{
    return tellClients(fn (EventQueue $queue) => $queue->publish($event, $payload, CHANNEL, $ttl, $priority));
}

function operations(?callable $change = null): array
{
    $empty = ['jobs' => [], 'alerts' => []];

    return stored('operations', $change ? fn (array $operations) => $change($operations + $empty) : null) + $empty;
}

/** What a shell asks for. */
function serveShell(array $arguments): int
{
    $queued = match ([$arguments[0] ?? '', count($arguments)]) {
        ['figures', 1] => publishFigures(),
        ['alert', 3] => raiseAlert($arguments[1], $arguments[2]),
        ['close', 2] => closeAlert($arguments[1]),
        default => null,
    };
    if ($queued === null) {
        fwrite(STDERR, "usage: php operations_dashboard.php figures | alert ON TEXT | close ON\n");

        return 64;
    }

    return $queued ? 0 : 1;
}

if (PHP_SAPI === 'cli') {
    exit(serveShell(array_slice($argv, 1)));
}
if (!servePage('operations_dashboard.html')) {
    serveApi([
        'POST login' => login(...),
        'POST logout' => logout(...),
        'GET token' => token(...),
        'GET operations' => showState(...),
        'GET broadcaster' => broadcaster(...),
        'POST jobs' => runJob(...),
        'POST alerts/close' => function (): array {
            requireOperations();

            return [200, ['queued' => closeAlert(requiredText(requestBody(), 'on'))]];
        },
    ]);
}
