<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctor;

/**
 * Whether events can be written to the queue directory, and whether a broadcaster reads it. The broadcaster's own
 * doctor looks at modes, groups and what waits.
 */
final class QueueCheck
{
    public function __construct(private readonly ?string $directory)
    {
    }

    /** @return list<Finding> */
    public function findings(): array
    {
        $directory = $this->directory;
        if ($directory === null) {
            return [Finding::bad(
                'no queue directory is set',
                "set fastapi_websocket.queue in Symfony's configuration"
            )];
        }
        if (!str_starts_with($directory, '/')) {
            return [Finding::bad(
                "the queue directory $directory is relative: it is another one in each current directory",
                'give the whole path in fastapi_websocket.queue'
            )];
        }
        if (!is_dir($directory)) {
            return [Finding::bad(
                "the queue directory $directory does not exist, or this user cannot see it",
                "create it for the broadcaster's user and group: install -d -o www-data -g www-data -m 2770 $directory"
            )];
        }

        return [$this->rights($directory), $this->reader($directory)];
    }

    private function rights(string $directory): Finding
    {
        clearstatcache();
        $asSite = "run the doctor as the site's user, for example with sudo -u www-data";
        if ((fileperms($directory) & 0002) !== 0) {
            return Finding::bad(
                "every user can write to the queue directory $directory, so the broadcaster refuses it",
                "chmod 2770 $directory"
            );
        }
        if (!is_writable($directory)) {
            return Finding::bad(
                "this user cannot write to the queue directory $directory",
                "put the site's user into the group of the directory, then restart php-fpm and workers; or $asSite"
            );
        }
        if (function_exists('posix_geteuid') && posix_geteuid() === 0) {
            return Finding::note(
                'root can write everywhere, so nothing was found out about the rights of the site',
                $asSite
            );
        }

        return Finding::good("this user can write to the queue directory $directory");
    }

    /** A broadcaster holds the file `.lock` locked. */
    private function reader(string $directory): Finding
    {
        $path = "$directory/.lock";
        if (!is_executable($directory) || (is_file($path) && !is_readable($path))) {
            return Finding::note(
                "this user may not see whether a broadcaster reads $directory",
                "run the doctor as the site's user, for example with sudo -u www-data"
            );
        }
        // Who may write to the directory can put another kind of file there, and opening a pipe would wait.
        $file = is_link($path) || !is_file($path) ? false : fopen($path, 'r');
        // Closing the file unlocks it.
        $isRead = $file !== false && !flock($file, LOCK_SH | LOCK_NB);
        if ($file !== false) {
            fclose($file);
        }
        if (!$isRead) {
            return Finding::bad(
                "no broadcaster reads $directory: events wait there until one does",
                'start it: systemctl start fastapi-broadcaster. If it runs, it reads another directory: set '
                    . 'fastapi_websocket.queue to that one'
            );
        }

        return Finding::good("a broadcaster reads $directory");
    }
}
