<?php
// A parcel on its way, followed on a phone. Phones sleep and lose the network: what the courier reports meanwhile comes
// when the page is back, in order and once, and the page says how much that was. A page that was away for longer than
// events are kept is told so, and asks for the state.
//
//   openssl rand -hex 32 >secret && chmod 600 secret
//   fastapi-broadcaster --queue /var/lib/fastapi-broadcaster/queue --token-secret-file secret --public-channels '*'
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue TOKEN_SECRET_FILE=secret php -S 127.0.0.1:8080 phone_offline.php
//
// Open http://127.0.0.1:8080/, log in, press "Go offline for a moment", and let the courier report. To see what happens
// after a long absence, start the broadcaster with --history-events 2, and let him report three times while the page is
// away.
//
//   private-delivery.NAME   what the courier reports of one customer's parcel; his token allows it

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

require_once __DIR__ . '/example_support.php';

const CUSTOMERS = ['ann', 'ben'];
const REPORTS = [
    'The parcel was picked up',
    'The parcel is in the van',
    'Three stops before yours',
    'Two stops before yours',
    'The next stop is yours',
    'Delivered',
];
const KEPT_REPORTS = 20;

function login(): array
{
    $user = requiredText(requestBody(), 'user');
    if (!in_array($user, CUSTOMERS, true)) {
        throw new Refusal(403, "there is no customer $user");
    }
    beginSession($user);

    return [200, ['user' => $user]];
}

function channelOf(string $user): string
{
    return "private-delivery.$user";
}

function token(): array
{
    $user = requireUser();

    return [200, ['token' => AccessToken::create(tokenSecret(), user: $user, channels: [channelOf($user)], ttl: 120)]];
}

function showDelivery(): array
{
    $user = requireUser();
    // Before the data is read. What is queued from here on reaches the page as an event, also before it is connected.
    $after = EventQueue::now();
    $reports = stored('deliveries')[$user] ?? [];

    return [200, ['after' => $after, 'user' => $user, 'channel' => channelOf($user), 'reports' => $reports]];
}

/** The next report on a parcel. In your application the courier's phone asks for it, with a login of its own. */
function report(): array
{
    $user = requireUser();
    $deliveries = stored('deliveries', function (array $deliveries) use ($user) {
        $reports = $deliveries[$user] ?? [];
        $number = ($reports ? end($reports)['number'] : 0) + 1;
        $reports[] = ['number' => $number, 'text' => REPORTS[($number - 1) % count(REPORTS)]];
        $deliveries[$user] = array_slice($reports, -KEPT_REPORTS);

        return $deliveries;
    });
    $report = end($deliveries[$user]);
    // Without a `ttl`: with one, a phone that comes back later would not get the event, and would not be told of a gap.
    $publish = fn (EventQueue $queue) => $queue->publish('delivery.reported', $report, channel: channelOf($user));
    $queued = tellClients($publish);

    return [201, ['report' => $report, 'queued' => $queued]];
}

if (!servePage('phone_offline.html')) {
    serveApi([
        'POST login' => login(...),
        'POST logout' => logout(...),
        'GET token' => token(...),
        'GET delivery' => showDelivery(...),
        'POST reports' => report(...),
    ]);
}
