<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctor;

/**
 * Whether events can be written to the queue directory, and whether the broadcaster would accept it.
 */
final class QueueDirectoryCheck
{
    private const WRITABLE_BY_EVERYBODY = 0002;

    /** @param string $setting Where the site names the directory. */
    public function __construct(private readonly ?string $directory, private readonly string $setting)
    {
    }

    /** @return list<Finding> */
    public function findings(): array
    {
        $directory = $this->directory;
        if ($directory === null) {
            return [Finding::bad('no queue directory is set', "set $this->setting")];
        }
        if (!str_starts_with($directory, '/')) {
            return [Finding::bad(
                "the queue directory $directory is relative: it is another one in each current directory",
                "give the whole path in $this->setting"
            )];
        }
        if (!is_dir($directory)) {
            return [Finding::bad(
                "the queue directory $directory does not exist, or this user cannot see it",
                "create it for the broadcaster's user and group: install -d -o www-data -g www-data -m 2770 $directory"
            )];
        }

        return $this->findingsOfRights($directory);
    }

    /** @return list<Finding> */
    private function findingsOfRights(string $directory): array
    {
        clearstatcache();
        $mode = fileperms($directory) & 07777;
        $group = $this->groupOf($directory);
        $described = sprintf('%s (%s:%s, mode %04o)', $directory, $this->ownerOf($directory), $group, $mode);
        if (($mode & self::WRITABLE_BY_EVERYBODY) !== 0) {
            return [Finding::bad(
                "every user can write to the queue directory $described, so the broadcaster refuses it",
                "chmod 2770 $directory"
            )];
        }
        $user = $this->currentUser();
        if (!is_writable($directory)) {
            return [Finding::bad(
                "$user cannot write to the queue directory $described",
                "if the site runs as $user: usermod -aG $group $user, then restart php-fpm and queue workers. "
                    . "Otherwise run the doctor as the site's user, for example with sudo -u www-data"
            )];
        }
        $findings = [Finding::good("$user can write to the queue directory $described")];
        if ($user === 'root') {
            $findings[] = Finding::note(
                'root can write everywhere, so nothing was found out about the rights of the site',
                "run the doctor as the site's user, for example with sudo -u www-data"
            );
        }

        return $findings;
    }

    private function currentUser(): string
    {
        if (!function_exists('posix_geteuid')) {
            return get_current_user();
        }

        return posix_getpwuid(posix_geteuid())['name'] ?? (string) posix_geteuid();
    }

    private function ownerOf(string $directory): string
    {
        $id = (int) fileowner($directory);

        return function_exists('posix_getpwuid') ? posix_getpwuid($id)['name'] ?? (string) $id : (string) $id;
    }

    private function groupOf(string $directory): string
    {
        $id = (int) filegroup($directory);

        return function_exists('posix_getgrgid') ? posix_getgrgid($id)['name'] ?? (string) $id : (string) $id;
    }
}
