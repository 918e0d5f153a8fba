<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Explains an error such as "Permission denied": which user has no right to do what, and the remedy.
 *
 * @internal
 */
final class Denied
{
    /** What to add to an error about a queue directory: empty, or a text that begins with a separator. */
    public static function explain(string $path, SystemError $cause): string
    {
        // Without this extension nobody tells who this process is.
        if ($cause->is(SystemError::DENIED, SystemError::NOT_PERMITTED) && function_exists('posix_geteuid')) {
            return System::quietly(static fn (): string => self::explainPermission($path));
        }
        if ($cause->is(SystemError::READ_ONLY)) {
            return '; if the unit of this process protects it, add to that unit: ReadWritePaths='
                . Printable::text($path);
        }
        $target = $cause->is(SystemError::NOT_FOUND) ? System::quietly(static fn (): mixed => readlink($path)) : false;

        return $target === false
            ? ''
            : '; it is a symbolic link to ' . Printable::text($target) . ', which is missing: create that directory';
    }

    private static function explainPermission(string $path): string
    {
        [$user, $group] = [posix_geteuid(), posix_getegid()];
        [$me, $myGroup] = [self::userName($user) ?? (string) $user, self::groupName($group) ?? (string) $group];
        $text = '; this process runs as user ' . self::withId(self::userName($user), $user)
            . ', group ' . self::withId(self::groupName($group), $group);
        $shown = Printable::text($path);
        clearstatcache();

        // From the root downwards, to name the first directory that refuses.
        $above = self::above($path);
        foreach ($above as $directory) {
            if (is_dir($directory) && !is_executable($directory)) {
                return "$text, which may not enter " . self::owned($directory) . ': as root, chmod a+x '
                    . Printable::text($directory);
            }
        }
        $stat = stat($path);
        if ($stat === false) {
            $existing = array_filter($above, is_dir(...));
            $nearest = $existing === [] ? '' : self::owned(end($existing));

            return "$text, which may not create a directory in $nearest: "
                . "as root, install -d -o $me -g $myGroup -m 2770 $shown";
        }
        if (is_writable($path) && is_executable($path)) {
            return "$text, whose rights are sufficient: something else forbids it, such as SELinux, AppArmor or the "
                . 'sandbox of a unit';
        }
        $itsGroup = self::groupName($stat['gid']) ?? (string) $stat['gid'];
        $remedy = ($stat['mode'] & 0o030) !== 0o030
            ? "as root, chgrp $myGroup $shown && chmod 2770 $shown"
            : "as root, usermod -aG $itsGroup $me, then start the process again";

        return "$text, and may not write to " . self::owned($path) . ": $remedy";
    }

    /** @return list<string> The directories above a path, from the root downwards. */
    private static function above(string $path): array
    {
        $above = [];
        while ($path !== dirname($path)) {
            $path = dirname($path);
            array_unshift($above, $path);
        }

        return $above;
    }

    /** A path with owner, group and mode. */
    private static function owned(string $path): string
    {
        $stat = stat($path);
        $shown = Printable::text($path);

        return $stat === false ? $shown : sprintf(
            '%s (user %s, group %s, mode %o)',
            $shown,
            self::withId(self::userName($stat['uid']), $stat['uid']),
            self::withId(self::groupName($stat['gid']), $stat['gid']),
            $stat['mode'] & 0o7777,
        );
    }

    private static function withId(?string $name, int $id): string
    {
        return $name === null ? (string) $id : "$name ($id)";
    }

    private static function userName(int $id): ?string
    {
        return (posix_getpwuid($id) ?: [])['name'] ?? null;
    }

    private static function groupName(int $id): ?string
    {
        return (posix_getgrgid($id) ?: [])['name'] ?? null;
    }
}
