<?php
// Says to the broadcaster who a client is, by the session of your site (docs/auth-hook.md).
if (isset($_COOKIE[session_name()])) {
    session_start(['read_and_close' => true]);
}
if (!isset($_SESSION['user'])) {
    http_response_code(401);
    exit;
}
$user = (string) $_SESSION['user'];
echo json_encode(['user' => $user, 'channels' => ["private-user.$user"], 'expires_in' => 3600]);
