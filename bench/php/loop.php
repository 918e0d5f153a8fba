<?php
// Queues events in tight loops, round after round, the variants taking turns, and prints nanoseconds per event for every
// round, by the clock and of CPU time, as JSON: {"native":{"wall":[...],"cpu":[...]},...}.
// The files stay: for minutes after a deletion ext4 does not use the inode again, and the search for a free one among
// thousands of those takes longer than everything that is measured here.
// Usage: php loop.php DIRECTORY ROUNDS EVENTS_PER_ROUND [VARIANT...]

declare(strict_types=1);

require __DIR__ . '/variants.php';

[, $root, $rounds, $events] = $argv;
$variants = array_slice($argv, 4) ?: array_keys(VARIANTS);
$cpu_nanoseconds = function (): int {
    $usage = getrusage();
    $seconds = $usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec'];
    return 1_000 * ($seconds * 1_000_000 + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']);
};
$times = [];
for ($round = -1; $round < (int) $rounds; $round++) {
    // The first variant of a round finds other caches than the last, so the order changes from round to round.
    $order = $variants;
    for ($turn = 0; $turn < ($round + 1) % count($variants); $turn++) {
        $order[] = array_shift($order);
    }
    foreach ($order as $variant) {
        $queue_event = VARIANTS[$variant];
        $directory = "$root/$variant-$round";
        mkdir($directory);
        prepare($variant, $directory);
        $cpu = $cpu_nanoseconds();
        $start = hrtime(true);
        for ($id = 0; $id < (int) $events; $id++) {
            if (!$queue_event($directory, 'order.created', sample_payload($id))) {
                fwrite(STDERR, "$variant: event $id was not queued\n");
                exit(1);
            }
        }
        $elapsed = hrtime(true) - $start;
        $cpu = $cpu_nanoseconds() - $cpu;
        $queued = count_queued($variant, $directory);
        if ($queued !== (int) $events) {
            fwrite(STDERR, "$variant: $queued for $events events\n");
            exit(1);
        }
        // The first round warms up.
        if ($round >= 0) {
            $times[$variant]['wall'][] = $elapsed / (int) $events;
            $times[$variant]['cpu'][] = $cpu / (int) $events;
        }
    }
}
echo json_encode($times), "\n";
