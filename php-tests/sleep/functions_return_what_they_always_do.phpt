--TEST--
sleep(), usleep(), time_nanosleep() and time_sleep_until() in a handler: values, conversions and errors are those of PHP
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    $calls = [
        'usleep(1)' => fn () => usleep(1), 'usleep("1000")' => fn () => usleep('1000'), 'usleep(0.1 * 10000)' => fn () => usleep(0.1 * 10000),
        'usleep(true)' => fn () => usleep(true), 'usleep(1.5)' => fn () => @usleep(1.5), 'usleep(-1)' => fn () => usleep(-1),
        'usleep([])' => fn () => usleep([]), 'usleep()' => fn () => usleep(), 'usleep(1, 2)' => fn () => usleep(1, 2),
        'usleep(null)' => fn () => @usleep(null), 'usleep(microseconds: 1)' => fn () => usleep(microseconds: 1),
        'sleep(0)' => fn () => sleep(0), 'sleep("0")' => fn () => sleep('0'), 'sleep(-1)' => fn () => sleep(-1), 'sleep("x")' => fn () => sleep('x'),
        'time_nanosleep(0, 1000000)' => fn () => time_nanosleep(0, 1000000), 'time_nanosleep(-1, 0)' => fn () => time_nanosleep(-1, 0),
        'time_nanosleep(0, 1e9)' => fn () => @time_nanosleep(0, 1000000000), 'time_nanosleep(0, -1)' => fn () => time_nanosleep(0, -1),
        'time_sleep_until(soon)' => fn () => time_sleep_until(microtime(true) + 0.01), 'time_sleep_until(1)' => fn () => @time_sleep_until(1),
        'time_sleep_until("")' => fn () => time_sleep_until(''),
        'usleep by name' => fn () => call_user_func('usleep', 1), 'usleep by array_map' => fn () => array_map(usleep(...), [1, 2]),
    ];
    $results = function () use ($calls) {
        foreach ($calls as $name => $call) {
            $began = microtime(true);
            try {
                $result = json_encode($call());
            } catch (Throwable $error) {
                $result = get_class($error) . ': ' . $error->getMessage();
            }
            $results[] = "$name: $result" . (microtime(true) - $began > 0.5 ? ' after a long time' : '');
        }
        return $results;
    };
    PHP;
eval($code);
$server = new ServerProcess($code . '$server->on("/", fn ($connection) => $connection->send(json_encode($results())));');
$in_handler = json_decode($server->connect('/')->read());
echo implode("\n", $in_handler), "\n";
echo $in_handler === $results() ? "the same outside of a handler\n" : 'outside: ' . implode("\n", $results());
echo $server->stop();
?>
--EXPECT--
usleep(1): null
usleep("1000"): null
usleep(0.1 * 10000): null
usleep(true): null
usleep(1.5): null
usleep(-1): ValueError: usleep(): Argument #1 ($microseconds) must be greater than or equal to 0
usleep([]): TypeError: usleep(): Argument #1 ($microseconds) must be of type int, array given
usleep(): ArgumentCountError: usleep() expects exactly 1 argument, 0 given
usleep(1, 2): ArgumentCountError: usleep() expects exactly 1 argument, 2 given
usleep(null): null
usleep(microseconds: 1): null
sleep(0): 0
sleep("0"): 0
sleep(-1): ValueError: sleep(): Argument #1 ($seconds) must be greater than or equal to 0
sleep("x"): TypeError: sleep(): Argument #1 ($seconds) must be of type int, string given
time_nanosleep(0, 1000000): true
time_nanosleep(-1, 0): ValueError: time_nanosleep(): Argument #1 ($seconds) must be greater than or equal to 0
time_nanosleep(0, 1e9): ValueError: Nanoseconds was not in the range 0 to 999 999 999 or seconds was negative
time_nanosleep(0, -1): ValueError: time_nanosleep(): Argument #2 ($nanoseconds) must be greater than or equal to 0
time_sleep_until(soon): true
time_sleep_until(1): false
time_sleep_until(""): TypeError: time_sleep_until(): Argument #1 ($timestamp) must be of type float, string given
usleep by name: null
usleep by array_map: [null,null]
the same outside of a handler
