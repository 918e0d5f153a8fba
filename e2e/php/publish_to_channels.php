<?php
// Logs users in, or publishes to their channels: publish_to_channels.php QUEUE token SECRET USER prints a token; with
// publish and a client's id in place of a secret it publishes one event after another, the last of them to everybody's channels.

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

[, $path, $what, $secret, $user] = $argv;
if ($what === 'token') {
    echo AccessToken::create($secret, $user, ["private-user.$user"], ['private-room.*'], 60, ['name' => ucfirst($user)]), "\n";
    exit;
}
$queue = new EventQueue($path);
$queue->publish('to ada', ['total' => 9.5], 'private-user.ada');
$queue->publish('to bob', null, 'private-user.bob', priority: EventQueue::NORMAL, ttl: 600);
$queue->publishAll([
    ['event' => 'to both', 'channel' => ['private-user.bob', 'private-user.ada', 'public.news']],
    ['event' => 'to nobody', 'channel' => 'private-user.carol'],
]);
$queue->transaction(function () use ($queue) {
    $queue->publish('news', "é\u{1F375}", 'public.news');
    $queue->publish('outdated', channel: 'public.news', ttl: 600);
});
try {
    $queue->transaction(function () use ($queue) {
        $queue->publish('rolled back', channel: 'public.news');
        throw new DomainException();
    });
} catch (DomainException) {
}
$queue->publish('end', channel: ['public.news', 'private-user.ada', 'private-user.bob']);
