<?php
// An order dashboard: a customer sees his own orders change, and nobody else's; the shop sees all; everybody sees what is left.
//
//   openssl rand -hex 32 >secret && chmod 600 secret
//   fastapi-broadcaster --queue /var/lib/fastapi-broadcaster/queue --token-secret-file secret --public-channels '*'
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue TOKEN_SECRET_FILE=secret php -S 127.0.0.1:8080 order_dashboard.php
//
// Open http://127.0.0.1:8080/ in two browsers (or one and a private window), and log in as Ann and as the shop.
//
//   private-user.ID      the orders of one customer; his token allows it
//   private-orders       all orders; the token of the shop allows it
//   no channel           stock.changed: everybody, also clients without a login

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

require_once __DIR__ . '/example_support.php';

const USERS = ['ann' => 'customer', 'ben' => 'customer', 'shop' => 'staff'];
const STATES = ['ordered', 'packed', 'sent'];
const STOCK = 100;

function isStaff(string $user): bool
{
    return USERS[$user] === 'staff';
}

function login(): array
{
    $user = requiredText(requestBody(), 'user');
    if (!isset(USERS[$user])) {
        throw new Refusal(403, "there is no user $user");
    }
    beginSession($user);

    return [200, ['user' => $user]];
}

/** The channel of the orders that a user sees. */
function channelOf(string $user): string
{
    return isStaff($user) ? 'private-orders' : "private-user.$user";
}

/** Says what the user of this session may read. The page asks for it when it connects, and again when a token ends. */
function token(): array
{
    $user = requireUser();

    return [200, ['token' => AccessToken::create(tokenSecret(), user: $user, channels: [channelOf($user)], ttl: 120)]];
}

function listOrders(): array
{
    $user = requireUser();
    // Before the data is read. What is queued from here on reaches the page as an event, also before it is connected.
    $after = EventQueue::now();
    $shop = shop();
    $orders = array_filter($shop['orders'], fn (array $order) => isStaff($user) || $order['user'] === $user);

    return [200, [
        'after' => $after,
        'user' => $user,
        'channel' => channelOf($user),
        'orders' => array_values($orders),
        'left' => $shop['left'],
    ]];
}

function createOrder(): array
{
    $user = requireUser();
    $item = requiredText(requestBody(), 'item');
    $order = null;
    $shop = shop(function (array $shop) use ($user, $item, &$order) {
        if ($shop['left'] === 0) {
            throw new Refusal(409, 'nothing is left');
        }
        $order = ['id' => count($shop['orders']) + 1, 'user' => $user, 'item' => $item, 'state' => STATES[0]];
        $shop['orders'][$order['id']] = $order;
        $shop['left']--;

        return $shop;
    });
    // After the change was stored, and all or none: nobody sees the order without the new stock.
    $queued = tellClients(fn (EventQueue $queue) => $queue->transaction(function () use ($queue, $order, $shop) {
        announce($queue, 'order.created', $order);
        // Without a `ttl`: a page that comes back would not get it any more, and would go on showing the old number.
        $queue->publish('stock.changed', ['left' => $shop['left']]);
    }));

    return [201, ['order' => $order, 'queued' => $queued]];
}

/** Takes an order one step further. Only the shop may. */
function advanceOrder(string $id): array
{
    if (!isStaff(requireUser())) {
        throw new Refusal(403, 'only the shop may do this');
    }
    $shop = shop(function (array $shop) use ($id) {
        $order = $shop['orders'][(int) $id] ?? throw new Refusal(404, "there is no order $id");
        $next = min(array_search($order['state'], STATES, true) + 1, count(STATES) - 1);
        $shop['orders'][(int) $id]['state'] = STATES[$next];

        return $shop;
    });
    $order = $shop['orders'][(int) $id];
    $queued = tellClients(fn (EventQueue $queue) => announce($queue, 'order.changed', $order));

    return [200, ['order' => $order, 'queued' => $queued]];
}

/** Tells the customer whose order it is, and the shop. */
function announce(EventQueue $queue, string $event, array $order): void
{
    $queue->publish($event, $order, channel: ["private-user.{$order['user']}", 'private-orders']);
}

function shop(?callable $change = null): array
{
    $empty = ['orders' => [], 'left' => STOCK];

    return stored('shop', $change ? fn (array $shop) => $change($shop + $empty) : null) + $empty;
}

if (!servePage('order_dashboard.html')) {
    serveApi([
        'POST login' => login(...),
        'POST logout' => logout(...),
        'GET token' => token(...),
        'GET orders' => listOrders(...),
        'POST orders' => createOrder(...),
        'POST orders/(\d{1,9})/next' => advanceOrder(...),
    ]);
}
