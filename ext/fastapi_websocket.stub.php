<?php

/**
 * What the extension fastapi_websocket declares, for IDEs and static analysis. Never loaded by PHP.
 *
 * Settings (php.ini, pool configuration or ini_set(); an invalid value is refused with a warning and changes nothing):
 *
 * - `fastapi_websocket.fsync`: what of an event is on disk, and not only in the kernel's memory, when queueEvent() returns.
 *   `none` (default): nothing is forced, an event survives the end of any process but not of the machine's power;
 *   `data`: the event's content; `full`: its content and its name. Each costs the time of the disk.
 * - `fastapi_websocket.max_event_bytes`: largest file of one event in bytes, envelope included; K, M and G are understood.
 *   Default 1048576 (1 MiB).
 */

namespace FASTAPI\WebSocket;

class WebSocketServer
{
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
     *     Must be inside open_basedir, if that is set.
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
     * @return string|null One line for a log, with the path and the system's own reason; null if queueEvent() was not called
     *     yet or returned true.
     */
    public static function lastError(): ?string {}
}
