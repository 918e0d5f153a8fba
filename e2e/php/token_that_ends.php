<?php
// Prints a token (a JWT, HS256) whose end may be in the past: SECRET USER CHANNEL SECONDS. Without the extension, as other
// libraries make them.

declare(strict_types=1);

[, $secret, $user, $channel, $seconds] = $argv;
$encode = fn (string $bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
$claims = ['sub' => $user, 'exp' => time() + (int) $seconds, 'channels' => [$channel]];
$signed = $encode('{"typ":"JWT","alg":"HS256"}') . '.' . $encode(json_encode($claims, JSON_THROW_ON_ERROR));
echo $signed, '.', $encode(hash_hmac('sha256', $signed, $secret, true)), "\n";
