<?php
// A site with a login, whose pages the tests of the hook ask for.
$files = getenv('EXAMPLE_DATA') ?: $_SERVER['EXAMPLE_DATA'];
if (isset($_GET['login'])) {
    session_start();
    $_SESSION['user'] = (int) $_GET['login'];
    echo session_id();
} elseif (isset($_GET['logout'])) {
    session_start();
    session_destroy();
} elseif (isset($_GET['hold'])) {
    // A long request that keeps its session, until the test says that it is over.
    session_start();
    touch("$files/held");
    while (!file_exists("$files/release")) {
        usleep(1000);
        clearstatcache();
    }
    echo 'released';
} else {
    echo 'a page';
}
