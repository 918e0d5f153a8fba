<?php
// Shared by the tests: a directory for each test, its content, and how a refusal is printed.

use FASTAPI\WebSocket\WebSocketServer;

/** Names the directory of a test, which does not exist yet. The --CLEAN-- section gets the same name. */
function queue_directory(string $file): string
{
    $test = preg_replace('/\.(clean\.|skip\.)?php$/', '', $file);

    return sys_get_temp_dir() . '/fastapi-websocket-' . basename($test) . '-' . substr(md5($test), 0, 8);
}

/** Reads every file of the directory, sorted by name as a consumer sorts: name => content. */
function entries(string $directory): array
{
    $entries = [];
    foreach (array_diff(scandir($directory), ['.', '..']) as $name) {
        $entries[$name] = file_get_contents("$directory/$name");
    }

    return $entries;
}

/** Returns the bytes of the only entry and deletes it. */
function take_entry(string $directory): string
{
    $entries = entries($directory);
    if (count($entries) !== 1) {
        throw new Exception('expected one entry, found ' . count($entries));
    }
    unlink($directory . '/' . key($entries));

    return current($entries);
}

/** Cuts the payload's bytes out of an entry. */
function payload_bytes(string $entry): string
{
    preg_match('/^\{"event":"e","payload":(.*),"timestamp":\d+,"queued_at":[\d.]+\}$/s', $entry, $match);

    return $match[1] ?? "no entry: $entry";
}

/** Queues an event that must be refused, and prints the answer with the directory's name taken out. */
function print_refusal(string $label, mixed $path, mixed $event, mixed $payload = null, ?string $directory = null): void
{
    $answer = WebSocketServer::queueEvent($path, $event, $payload);
    $reason = WebSocketServer::lastError();
    if ($directory !== null && $reason !== null) {
        $reason = str_replace($directory, 'DIRECTORY', $reason);
    }
    echo $label, ': ', var_export($answer, true), ', ', $reason ?? 'NULL', "\n";
}

/** Removes a directory and what is in it, links not followed. */
function remove_directory(string $directory): void
{
    if (is_link($directory) || is_file($directory)) {
        unlink($directory);
        return;
    }
    if (!is_dir($directory)) {
        return;
    }
    foreach (array_diff(scandir($directory), ['.', '..']) as $name) {
        remove_directory("$directory/$name");
    }
    rmdir($directory);
}

/** Runs another PHP with the same extension, settings and environment variables such as `A=1 B=2`; returns what it printed on both outputs. */
function run_php(string $arguments, string $environment = ''): string
{
    $php = getenv('TEST_PHP_EXECUTABLE') ?: PHP_BINARY;

    return shell_exec("$environment " . escapeshellarg($php) . ' ' . getenv('TEST_PHP_EXTRA_ARGS') . " $arguments 2>&1") ?? '';
}

/** Reads the events of the entry `*.events` that is the only file of the directory, deletes it, and returns [name, lines as JSON]. */
function take_events(string $directory): array
{
    $entries = entries($directory);
    if (count($entries) !== 1) {
        throw new Exception('expected one entry, found ' . count($entries));
    }
    [$name, $content] = [key($entries), current($entries)];
    unlink("$directory/$name");
    if (!str_ends_with($content, "}\n")) {
        throw new Exception("not complete: $content");
    }

    return [$name, array_map(fn ($line) => json_decode($line, true, flags: JSON_THROW_ON_ERROR), explode("\n", rtrim($content)))];
}

/** Calls a function and prints what it throws, with the directory's name taken out. */
function print_thrown(string $label, callable $do, ?string $directory = null): void
{
    try {
        $answer = var_export($do(), true);
    } catch (Throwable $thrown) {
        $answer = get_class($thrown) . ': ' . message_of($thrown);
    }
    echo $label, ': ', $directory === null ? $answer : str_replace($directory, 'DIRECTORY', $answer), "\n";
}

/**
 * The message of an error about arguments in PHP's words for classes of extensions. For classes that are written in PHP,
 * as those of packages/polyfill, PHP also says where the call is, and has another text if arguments are missing.
 */
function message_of(Throwable $thrown): string
{
    $message = preg_replace('/, called in .* on line \d+$/', '', $thrown->getMessage());
    $message = str_replace('must be of type Traversable|array,', 'must be of type iterable,', $message);
    $missing = '/^Too few arguments to function (.*), (\d+) passed in .* on line \d+ and (exactly|at least) (\d+) expected$/';

    return preg_replace_callback($missing, fn ($found) => "$found[1] expects $found[3] $found[4] argument"
        . ($found[4] === '1' ? '' : 's') . ", $found[2] given", $message);
}

/** Sets a setting for this script. The classes of packages/polyfill read variables, because PHP knows no such setting. */
function set_setting(string $name, string $value): void
{
    if (extension_loaded('fastapi_websocket')) {
        ini_set("fastapi_websocket.$name", $value);
    } else {
        putenv('FASTAPI_WEBSOCKET_' . strtoupper($name) . "=$value");
    }
}

/** Whether a text is a UUIDv7. */
function is_uid(mixed $text): bool
{
    return is_string($text) && preg_match('/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/', $text) === 1;
}

/** Makes a queue directory whose broadcaster reads journals, as a start of it does. */
function journal_queue(string $directory, string $forms = '"directory","journal"'): string
{
    @mkdir("$directory/journal", 0770, true);
    file_put_contents("$directory/.reader.new", '{"version":"0.1.0","forms":[' . $forms . '],"epoch":"0000000000000001"}');
    rename("$directory/.reader.new", "$directory/.reader");

    return $directory;
}

/** Reads the journal of a queue, in the order of queueing: [suffix of the segment, lines as JSON] for each record. */
function records(string $directory): array
{
    $records = [];
    foreach (glob("$directory/journal/*.seg") as $segment) {
        $content = file_get_contents($segment);
        for ($at = 0; $at < strlen($content); $at += 34 + $bytes) {
            if (!preg_match('/\G\x1e([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{16})\n/', $content, $head, 0, $at)) {
                throw new Exception("no record at $at of $segment");
            }
            $bytes = hexdec($head[2]);
            $body = substr($content, $at + 34, $bytes);
            if (hash('crc32c', substr($content, $at + 9, 25) . $body) !== $head[1]) {
                throw new Exception("not whole at $at of $segment");
            }
            $lines = array_map(fn ($line) => json_decode($line, true, flags: JSON_THROW_ON_ERROR), explode("\n", rtrim($body)));
            $records[$head[3]] = [substr(basename($segment), 36), $lines];
        }
    }
    ksort($records, SORT_STRING);

    return array_values($records);
}

/** The files of a queue directory that are events. */
function event_files(string $directory): array
{
    return [...glob("$directory/*.json"), ...glob("$directory/*.events")];
}
