<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="csrf-token" content="{{ csrf_token() }}">
<title>Orders, by Laravel Echo</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/example_pages.css">
</head>
<body>
<header>
    <h1>Orders</h1>
    <span class="state" id="state" role="status">not connected</span>
</header>
@if ($customer === null)
<section aria-label="Log in">
    <p>Each customer sees only his own orders.</p>
    <form class="row" method="post" action="/login">
        @csrf
        <button name="user" value="ann">Log in as Ann</button>
        <button name="user" value="ben">Log in as Ben</button>
    </form>
</section>
@else
<section aria-labelledby="whose">
    <div class="row">
        <h2 id="whose">Paid orders of {{ $customer }}</h2>
        <form method="post" action="/logout">@csrf <button id="logout">Log out</button></form>
    </div>
    <button class="main" id="pay">Pay an order</button>
    <ul id="orders" aria-label="Paid orders"></ul>
</section>
<p class="problem" id="problem" role="alert"></p>
{{-- With Vite these two lines are imports: see docs/laravel.md. --}}
<script src="/js/pusher.js"></script>
<script src="/js/echo.js"></script>
<script>
const orders = new Map();
const byId = (id) => document.getElementById(id);

const echo = new Echo.default({
    broadcaster: 'pusher',
    key: @json(config('fastapi.key')),
    wsHost: location.hostname,
    wsPort: @json((int) config('broadcasting.websocket_port')),
    forceTLS: false,
    enabledTransports: ['ws'],
    // pusher-js wants one, and does not use it when there is a wsHost.
    cluster: 'none',
});
echo.connector.pusher.connection.bind('state_change', ({ current }) => {
    byId('state').textContent = current === 'connected' ? 'live' : current;
    byId('state').dataset.state = current;
});

echo.private(@json("orders.$customer"))
    .listen('OrderPaid', add)
    // Also after each break: pusher-js gets nothing of what was broadcast meanwhile.
    .subscribed(() => attempt(ask('GET', '/orders').then((list) => list.forEach(add))))
    .error(({ status }) => { byId('problem').textContent = `Laravel refuses the channel: ${status}`; });

async function ask(method, path) {
    const headers = { Accept: 'application/json', 'X-CSRF-TOKEN': document.querySelector('[name=csrf-token]').content };
    // For toOthers() of Laravel.
    if (echo.socketId()) headers['X-Socket-ID'] = echo.socketId();
    const answer = await fetch(path, { method, headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
}

/** Shows an order once, whether it came by an event or by an answer. */
function add({ id, item }) {
    orders.set(id, item);
    byId('orders').replaceChildren(...[...orders].sort(([a], [b]) => b - a).map(([number, name]) => {
        const line = document.createElement('li');
        line.textContent = `${number}. ${name}, paid`;
        return line;
    }));
}

async function attempt(what) {
    byId('problem').textContent = '';
    await what.catch(({ message }) => { byId('problem').textContent = message; });
}

byId('pay').addEventListener('click', () => attempt(ask('POST', '/orders/paid').then(add)));
</script>
@endif
</body>
</html>
