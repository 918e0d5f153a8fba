<?php
// Writes an entry in place, half of it, and 400 ms later the rest: write_in_halves.php QUEUE.

declare(strict_types=1);

$content = json_encode([
    'event' => 'slowly.written',
    'payload' => ['text' => str_repeat('half ', 200)],
    'timestamp' => time(),
    'queued_at' => microtime(true),
]);
$file = fopen($argv[1] . '/' . microtime(true) . '_' . uniqid() . '.json', 'w');
$half = intdiv(strlen($content), 2);
fwrite($file, substr($content, 0, $half));
usleep(400_000);
fwrite($file, substr($content, $half));
fclose($file);
echo json_encode(json_decode($content)->payload), "\n";
