<?php
// One web request that queues one event, as an application does, and answers how many nanoseconds the call took.
// Query: variant, directory, id.

declare(strict_types=1);

require __DIR__ . '/variants.php';

$queue_event = VARIANTS[$_GET['variant']];
$payload = sample_payload((int) $_GET['id']);
prepare($_GET['variant'], $_GET['directory']);
$start = hrtime(true);
$queued = $queue_event($_GET['directory'], 'order.created', $payload);
$answer = $queued ? (string) (hrtime(true) - $start) : 'not queued';
header('Content-Type: text/plain');
header('Content-Length: ' . strlen($answer));
echo $answer;
