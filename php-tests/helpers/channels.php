<?php
// Clients of channels: how they connect, what they receive with what differs in each run taken out, and tokens that
// AccessToken does not make.

require_once __DIR__ . '/server.php';

/** The header of a client that sends commands. */
const NATIVE = 'Sec-WebSocket-Protocol: fastapi.v1';

/** Receives a message: ids, times and the like are replaced by their names. What is no JSON object is returned as it is. */
function receive(Client $client): string
{
    $message = $client->read();
    $values = json_decode($message, true);
    if (!is_array($values)) {
        return $message;
    }
    foreach (['id' => '/^\S+$/', 'client' => '/^\d+\.\d+$/', 'timestamp' => '/^\d{10}$/', 'expires_at' => '/^\d{10}$/'] as $key => $pattern) {
        if (isset($values[$key])) {
            $values[$key] = preg_match($pattern, (string) $values[$key]) ? strtoupper($key) : "WRONG $values[$key]";
        }
    }

    return json_encode($values, JSON_UNESCAPED_SLASHES);
}

/** Sends a command and returns the answer. */
function ask(Client $client, array $command): string
{
    $client->send(json_encode($command));

    return receive($client);
}

/** Connects and returns what became of it: the first message, or how the client was refused. */
function attempt(ServerProcess $server, string $target, array $headers = [NATIVE]): string
{
    try {
        return receive($server->connect($target, $headers));
    } catch (Exception $exception) {
        return strtok($exception->getMessage(), "\r\n");
    }
}

/** A token of HS256 with any claims. */
function signed(string $secret, array $claims): string
{
    $encode = fn ($bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    $signed = $encode('{"alg":"HS256","typ":"JWT"}') . '.' . $encode(json_encode($claims));

    return "$signed." . $encode(hash_hmac('sha256', $signed, $secret, true));
}
