<?php

/**
 * What the extension fastapi_websocket declares, for IDEs and static analysis. Never loaded by PHP.
 *
 * Settings (php.ini, pool configuration or ini_set(); an invalid value is refused with a warning and changes nothing):
 *
 * - `fastapi_websocket.path`: the queue directory of those who name none: queueEvent(''), eventQueue(''), new EventQueue(). An
 *   absolute path. Default empty: then a path has to be given.
 * - `fastapi_websocket.fsync`: what of an event is on disk, and not only in the kernel's memory, when a method that queues returns.
 *   `none` (default): nothing is forced, an event survives the end of any process but not of the machine's power;
 *   `data`: the event's content; `full`: its content and its name. Each costs the time of the disk.
 * - `fastapi_websocket.queue`: how events are queued. `directory` (default): a file for each call. `journal`: a record in a file that
 *   stays open, which takes a fraction of the time; its events always have a uid. If the broadcaster of the queue does not read
 *   journals, or files in `journal/` cannot be locked or written, events become files, with one warning (E_WARNING) in a process.
 * - `fastapi_websocket.max_event_bytes`: largest file of one event, or of the events of one transaction, in bytes, envelope included;
 *   K, M and G are understood. Default 1048576 (1 MiB).
 *
 * Those of start(), read when it is called; the sleep hook at each sleep:
 *
 * - `fastapi_websocket.client_relay`: whether {"event":...,"payload":...} that a client sends while no handler of it runs is
 *   broadcast to every client. Default on, as in the pure-PHP server. Turn it off if clients must not send events to each other.
 * - `fastapi_websocket.sleep_hook`: whether sleep(), usleep(), time_nanosleep() and time_sleep_until() in a handler let the
 *   other handlers continue. Default on. If it is off, a sleep in one handler blocks all.
 * - `fastapi_websocket.max_connections`: clients at the same time; further ones are told that the server is full. Default 65536.
 * - `fastapi_websocket.max_message_bytes`: largest message of a client; a larger one ends its connection (1009). Default 1 MiB.
 * - `fastapi_websocket.max_outbox_bytes`: bytes that may wait for one client, four times as many while it reads; more ends
 *   its connection (4008). Default 16 MiB.
 * - `fastapi_websocket.max_memory`: memory for all clients together: for incomplete messages, and for data that waits for one
 *   client alone. If they use more, those that use most are disconnected (1013). Default 256 MiB.
 * - `fastapi_websocket.max_messages_per_sec`, `fastapi_websocket.max_bytes_per_sec`: what a client may send in a second, fragments
 *   and pings among the messages. If it sends more, the server reads from it more slowly. Default 0: no limit.
 *
 * Those of start() that are keys of the broadcaster, with the same meaning; lists have commas between. A wrong value in php.ini
 * makes start() throw:
 *
 * - `fastapi_websocket.allowed_origins`: pages that may connect. Default `*`: any. Cookies with a token count only for pages that
 *   are named otherwise.
 * - `fastapi_websocket.token_secret_file`, `fastapi_websocket.token_public_key_file`: files with the keys of tokens, absolute
 *   paths. `fastapi_websocket.token_secret` is refused, because phpinfo() would show it; the environment variable
 *   FASTAPI_WS_TOKEN_SECRET is read.
 * - `fastapi_websocket.token_audience`, `fastapi_websocket.token_issuer`: what a token must say. Default empty: not looked at.
 * - `fastapi_websocket.public_channels`: channels that every client may read, names or patterns such as `public.*`. Without a key
 *   the default is all; with a key it must be set.
 * - `fastapi_websocket.anonymous`: whether clients may connect without a token. Default on.
 * - `fastapi_websocket.max_channels_per_client`, `fastapi_websocket.max_channels`, `fastapi_websocket.max_subscriptions`: how many
 *   there may be. Default 128, 1000000 and four times max_connections.
 */

namespace FASTAPI\WebSocket;

/**
 * The WebSocket server of this script. There is one: getInstance().
 *
 * start() serves clients on threads of its own. Handlers run on PHP's thread, every call in a Fiber: while one waits in read()
 * or sleeps, all others continue. Other work that takes time in a handler, such as a database query, delays the others.
 * A handler that calls Fiber::suspend() itself is continued soon, with null.
 *
 * Each handler has output buffers, error handlers and exception handlers of its own. It begins without buffers and with the
 * script's error handlers; what it prints outside of its own buffers goes where the script's output goes.
 */
class WebSocketServer
{
    private static $instance;

    private $app;

    private function __construct(?\FASTAPI\App $app = null) {}

    private function __clone() {}

    /**
     * @throws \Exception Always: "Cannot unserialize a singleton."
     */
    public function __wakeup() {}

    /**
     * Returns the server, the same object each time.
     *
     * @param \FASTAPI\App|null $app The application, or any object. Kept by the first call; later ones are ignored.
     *
     * @return WebSocketServer
     */
    public static function getInstance(?\FASTAPI\App $app = null) {}

    /**
     * Registers what is called, once, with the connection of every client that connects on a path.
     *
     * A handler may send something and return, or stay: `while (($message = $connection->read()) !== null) { ... }`. When it
     * returns the connection stays open. What it throws is reported and ends only this call.
     *
     * @param string $path The request target as the client sends it; one with a query is looked up with it, then without it.
     *     A later handler of the same path replaces the first.
     * @param callable(WebSocketConnection): mixed $handler
     *
     * @return $this
     *
     * @throws \TypeError If the handler is not callable.
     */
    public function on($path, callable $handler) {}

    /**
     * Sets the port, 8080 if it is not called. 0 lets the system choose; start() prints the one it has.
     *
     * @param int|string $port
     *
     * @return $this
     */
    public function port($port) {}

    /**
     * Sets the address to listen on, 0.0.0.0 if it is not called.
     *
     * @param string $host An address of this machine, or a name that has one.
     *
     * @return $this
     */
    public function host($host) {}

    /**
     * Sets the directory whose events start() broadcasts; see queueEvent(). It is created if it is missing. If that fails it
     * warns, and start() throws.
     *
     * @param string|\Stringable $path
     *
     * @return $this
     */
    public function eventQueue($path) {}

    /**
     * Serves clients until stop(). Prints `WebSocket server started on ws://HOST:PORT`. Returns at once if it runs already.
     *
     * When it is stopped all connections are closed (1001), and handlers are woken: read() is null, a sleep ends early. One
     * that has not ended two seconds later is ended: its `finally` blocks run, nothing else of it.
     *
     * exit() in a handler ends the script; signal handlers of pcntl_signal() run, async or not.
     *
     * @return void
     *
     * @throws \Exception "Failed to bind WebSocket to HOST:PORT" if the address cannot be had, with the cause as the previous
     *     exception; if another server has the queue directory; if settings are wrong or do not go together; if this is not a
     *     script of the command line; if it is called in a handler after stop().
     */
    public function start() {}

    /**
     * Closes the port and every connection; start() returns soon. Harmless if nothing runs.
     *
     * @return void
     */
    public function stop() {}

    /**
     * Tells whether start() is serving clients.
     *
     * @return bool
     */
    public function isRunning() {}

    /**
     * Sends `{"event":...,"payload":...,"timestamp":...}` to every client that gets events for everybody, never to a channel.
     * Warns and sends nothing if it cannot be encoded.
     *
     * @param string|int|float|bool|\JsonSerializable|\BackedEnum $event
     * @param mixed $payload
     *
     * @return void
     */
    public function broadcast($event, $payload = null) {}

    /**
     * Counts the clients that are connected.
     *
     * @return int
     */
    public function getConnectionCount() {}

    /**
     * Returns the clients that are connected, in the order they came. A client's object is the one that its handler got.
     *
     * @return list<WebSocketConnection>
     *
     * @throws \Exception If they would exceed memory_limit.
     */
    public function getConnections() {}

    /**
     * Queues an event for every connected client.
     *
     * Writes one complete file into the queue directory, which a broadcaster or a running server reads; it needs no
     * connection to either. Files of one process sort in the order of the calls. Nothing is ever half visible: after false
     * there is no file, and after a payload or name that was refused not even the directory was created.
     *
     * A string converts as PHP does it, other values are refused: no warning and no exception comes from here, with one
     * exception. What the caller's own code throws while a value is encoded or converted (jsonSerialize(), __toString())
     * reaches the caller as it does with json_encode(). Nothing is written then, and lastError() does not change.
     *
     * json_last_error() is not touched.
     *
     * @param string|\Stringable $queuePath Queue directory. Created if it is missing, parents included, writable for owner and
     *     group. Relative to the current directory; trailing slashes and backslashes do not count; at most 4,095 bytes.
     *     Must be inside open_basedir, if that is set. Empty: the directory of `fastapi_websocket.path`. No URL but file://.
     * @param string|int|float|bool|\JsonSerializable|\BackedEnum $event Name of the event. Encoded as json_encode() does; the
     *     outcome must be a string, a number or a bool.
     * @param mixed $payload Any value that json_encode() takes with default flags, at most 511 levels deep; clients receive
     *     json_encode()'s bytes, serialize_precision included.
     *
     * @return bool True: the event is in the queue, as durable as `fastapi_websocket.fsync` says. False: it is not, and
     *     lastError() says why: path empty, with a NUL byte, not creatable, not writable or outside of open_basedir; name or
     *     payload not encodable; event larger than `fastapi_websocket.max_event_bytes`; disk full.
     *
     * @throws \ArgumentCountError If path or name is missing.
     */
    public static function queueEvent($queuePath, $event, $payload = null) {}

    /**
     * Tells why the last queueEvent() of this request returned false.
     *
     * @return string|null One line for a log, with the path, the system's own reason and, where rights are missing, the remedy;
     *     null if queueEvent() was not called yet or returned true.
     */
    public static function lastError(): ?string {}
}

/**
 * One client: what a handler gets.
 */
class WebSocketConnection
{
    /**
     * Makes a connection without a client, for tests: not connected, path `/`, no headers.
     *
     * @param mixed $socket Ignored.
     */
    public function __construct($socket) {}

    /**
     * Tells whether the handshake was done, which the server does before a handler is called, and the client is still there.
     *
     * @return bool
     */
    public function handshake() {}

    /**
     * Waits for the client's next message; other handlers continue.
     *
     * Up to 64 messages or 1 MiB wait to be read. The client is not read from while there are more, so that it waits.
     *
     * A client whose message would exceed memory_limit, or leave too little of it, is closed (1013) with a warning.
     *
     * @return string|null A text or binary message, see isBinary(); null when the client has left and all it said was read, or
     *     when it was closed.
     */
    public function read() {}

    /**
     * Sends a text message. Never waits: a client that does not read is disconnected when too much waits for it.
     *
     * @param string|int|float|bool|null|\Stringable $message Valid UTF-8; other bytes are refused with a warning.
     *
     * @return bool False if it was not sent: the client has left.
     *
     * @throws \TypeError If it is not a string and PHP does not convert it to one.
     */
    public function send($message) {}

    /**
     * Closes the connection with a close frame (1000), after what was sent before. Calling it again does nothing.
     *
     * @return void
     */
    public function close() {}

    /**
     * Tells whether the client is there, or has left and said something that read() has not returned.
     *
     * The latter only a few times in a row without a read(), so that a handler that never reads comes to its end.
     *
     * @return bool
     */
    public function isConnected() {}

    /**
     * Returns the request target as sent, with its query.
     *
     * @return string
     *
     * @throws \Exception As getHeaders().
     */
    public function getPath() {}

    /**
     * Returns the request's headers: name as sent => value. Of one that was sent twice, the last value.
     *
     * @return array<string, string> Values are bytes as sent, UTF-8 or not.
     *
     * @throws \Exception If they would exceed memory_limit; the client is then closed (1013).
     */
    public function getHeaders() {}

    /**
     * Returns one header of the request.
     *
     * @param string $name In any case.
     *
     * @return string|null The bytes as sent, UTF-8 or not.
     *
     * @throws \Exception As getHeaders().
     */
    public function getHeader($name) {}

    /**
     * Tells whether the message that read() returned last was binary.
     *
     * @return bool
     */
    public function isBinary() {}

    /**
     * Sends a binary message: send() with any bytes.
     *
     * @param string|int|float|bool|null|\Stringable $message
     *
     * @return bool False if it was not sent: the client has left.
     *
     * @throws \TypeError If it is not a string and PHP does not convert it to one.
     */
    public function sendBinary($message) {}
}

/**
 * A queue of events, with channels, and with transactions.
 *
 * An object means one directory. Nothing is opened or created before an event is published. It cannot be cloned or serialized.
 */
final class EventQueue
{
    /** Read first from a queue in which events wait. */
    public const HIGH = 'high';

    public const NORMAL = 'normal';

    /** Read last, but never left waiting without end. */
    public const LOW = 'low';

    /**
     * Notes the directory. A relative path is one of the current directory. What is wrong with it, publish() tells.
     *
     * @param string|null $path As of WebSocketServer::queueEvent(). Null or empty: the directory of `fastapi_websocket.path`, as it
     *     is set now.
     */
    public function __construct(?string $path = null) {}

    /**
     * Queues an event. In a transaction it only notes it, encoded as it is now.
     *
     * The event is in the queue when this returns, as durable as `fastapi_websocket.fsync` says. After an exception nothing of it is.
     *
     * @param string $event Name of the event, valid UTF-8.
     * @param mixed $payload Any value that json_encode() takes with default flags, at most 511 levels deep.
     * @param string|list<string>|null $channel Who gets it: null is every client, a name the subscribers of that channel, a list those
     *     of each of its 1 to 100 channels. A name has 1 to 200 of the characters `A-Z a-z 0-9 _ - = @ , . ; : /`. A client that has
     *     several of them gets the event once. Names that begin with `private-` or `presence-` need a token, see AccessToken.
     *     Names that begin with `#server-to-user-` are reserved: nobody receives it yet. For one user use `private-user.ID`.
     * @param int|null $ttl Seconds, at least 1, after which nobody needs it: it is not sent then. Null: no end.
     * @param string $priority HIGH, NORMAL or LOW. Order holds among events of the same.
     * @param string|null $key 1 to 200 bytes of UTF-8. The same key again, on the same first channel, inside of 300 seconds, is
     *     accepted and not sent.
     * @param string|null $except 1 to 64 bytes: the id of a client that must not receive it, from its `welcome` message.
     *
     * @return string The uid of the event, a UUID: it stands in logs, and in the `failed` folder.
     *
     * @throws QueueException With the reason that WebSocketServer::lastError() would give: the path, a name or payload that cannot be
     *     encoded, an event that is too large, the disk, the rights. Also when the transaction would get too large.
     * @throws \ValueError If a channel, ttl, priority, key or client id is not valid.
     */
    public function publish(
        string $event,
        mixed $payload = null,
        string|array|null $channel = null,
        ?int $ttl = null,
        string $priority = self::NORMAL,
        ?string $key = null,
        ?string $except = null,
    ): string {}

    /**
     * Queues several events, all of them or none. In a transaction it notes them, all or none.
     *
     * @param iterable<array{event: string, payload?: mixed, channel?: string|list<string>|null, ttl?: int|null, priority?: string,
     *     key?: string|null, except?: string|null}> $events At most 1,000, and together at most `fastapi_websocket.max_event_bytes`.
     *     What the iteration throws reaches the caller.
     *
     * @return list<string> The uids, in the same order.
     *
     * @throws QueueException As publish().
     * @throws \ValueError If an event has no name, a value under an unknown name, or a wrong value. It says the index, from 0.
     * @throws \TypeError If an event is no array, or a value has a wrong type.
     */
    public function publishAll(iterable $events): array {}

    /**
     * Begins a transaction: what is published until commit() is queued by it, all or none.
     *
     * A transaction belongs to its object. When the object or the request ends, it is rolled back with a warning. The child of a
     * fork is not in the transaction of its parent.
     *
     * @throws \LogicException If one is open.
     */
    public function begin(): void {}

    /**
     * Queues what was published since begin(), and ends the transaction in any case.
     *
     * It is one file of the most urgent priority of its events. Clients get single events. Time and order of queueing are those of
     * this call.
     *
     * @return list<string> The uids, in the order of publishing.
     *
     * @throws QueueException As publish(). Nothing was queued then.
     * @throws \LogicException If no transaction is open, or if transaction() has begun it.
     */
    public function commit(): array {}

    /**
     * Forgets what was published since begin().
     *
     * @throws \LogicException If no transaction is open, or if transaction() has begun it.
     */
    public function rollback(): void {}

    /**
     * Calls a function in a transaction. Commits when it returns, rolls back when it throws.
     *
     * @param callable(): mixed $do Called without arguments. It cannot end the transaction itself.
     *
     * @return mixed What the function returned.
     *
     * @throws \Throwable What the function has thrown.
     * @throws QueueException As commit().
     * @throws \LogicException If a transaction is open.
     */
    public function transaction(callable $do): mixed {}

    /**
     * Names this moment, for a page that PHP renders: take it before the data is read. A client that gives it as `after`
     * gets what was queued since, or is told that something may be missing.
     *
     * @return string `t.` and milliseconds since 1970.
     */
    public static function now(): string {}
}

/**
 * Events were not queued. The message is one line, as that of WebSocketServer::lastError().
 */
class QueueException extends \RuntimeException {}

/**
 * Tokens by which the broadcaster knows who a client is and which channels it may read: JWTs, signed with HS256.
 */
final class AccessToken
{
    private function __construct() {}

    /**
     * Makes a token. Who has it, has its rights until it ends: give it to its user only, by HTTPS.
     *
     * @param string $secret The broadcaster's secret, at least 32 bytes. A file without the end of its line. It is in no message, and from PHP 8.2 on in no stack
     *     trace.
     * @param string|null $user Who it is (claim `sub`). Not empty.
     * @param list<string> $channels Channels that the client is subscribed to at once; it may read them.
     * @param list<string> $allow Channels that it may subscribe to: names, beginnings of names with a `*` at the end, or `everybody`
     *     for the events for everybody where these are not public.
     * @param int $ttl Seconds until it ends, at most ten years.
     * @param array<string, mixed> $info Reserved for `presence-` channels: nobody receives it yet.
     *
     * @return string
     *
     * @throws \ValueError If a value is wrong, or the token would be larger than the 8 KiB that the broadcaster takes.
     */
    public static function create(
        #[\SensitiveParameter] string $secret,
        ?string $user = null,
        array $channels = [],
        array $allow = [],
        int $ttl = 3600,
        array $info = [],
    ): string {}
}
