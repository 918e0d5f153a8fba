--TEST--
A fork has a segment of its own at once, and leaves that of its parent locked and in use
--EXTENSIONS--
fastapi_websocket
pcntl
--INI--
fastapi_websocket.queue=journal
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = journal_queue(queue_directory(__FILE__));
$queue = new EventQueue($directory);
$is_locked = fn (string $segment) => !flock(fopen($segment, 'r'), LOCK_SH | LOCK_NB);
$queue->publish('e', 'parent', 'c');
[$of_parent] = glob("$directory/journal/*");
$children = [];
for ($process = 0; $process < 8; $process++) {
    if (($child = pcntl_fork()) === 0) {
        foreach (scandir('/proc/self/fd') as $number) {
            if (@readlink("/proc/self/fd/$number") === $of_parent) {
                echo "still open\n";
            }
        }
        $queue->publish('e', $process);
        $queue->transaction(fn () => $queue->publish('e', $process, 'c'));
        exit($is_locked($of_parent) ? 0 : 1);
    }
    $children[] = $child;
}
foreach ($children as $child) {
    pcntl_waitpid($child, $status);
    echo pcntl_wexitstatus($status);
}
echo "\n";
$queue->publish('e', 'parent', 'c');
$uids = array_map(fn ($record) => $record[1][0]['uid'], records($directory));
$open = array_filter(glob("$directory/journal/*"), $is_locked);
var_dump(count($uids), count(array_unique($uids)), count(glob("$directory/journal/*")), $open === [$of_parent], event_files($directory));
?>
--EXPECT--
00000000
int(18)
int(18)
int(9)
bool(true)
array(0) {
}
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
