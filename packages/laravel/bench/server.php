<?php

// Answers every request with `{}`, as a server of Pusher's protocol answers an event, and does nothing else. Prints its
// port.

declare(strict_types=1);

$listener = stream_socket_server('tcp://127.0.0.1:0');
echo substr(strrchr(stream_socket_get_name($listener, false), ':'), 1), "\n";
while ($connection = stream_socket_accept($listener, -1)) {
    // One client at a time, and it may send several requests.
    while (($line = fgets($connection)) !== false) {
        $length = 0;
        while (($header = rtrim((string) fgets($connection))) !== '') {
            if (stripos($header, 'content-length:') === 0) {
                $length = (int) substr($header, 15);
            }
        }
        if ($length > 0) {
            stream_get_contents($connection, $length);
        }
        fwrite($connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    }
    fclose($connection);
}
