<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * Writes complete files into a queue directory, or nothing. See queue/FORMAT.md of the project for the promises.
 *
 * @internal
 */
final class QueueDirectory
{
    private const ENTRY_MODE = 0o640;
    private const DIRECTORY_MODE = 0o2770;
    private const PARENT_MODE = 0o755;
    private const SET_GROUP_ID = 0o2000;
    private const TEMPORARY_PREFIX = '.tmp-';

    public function __construct(private readonly string $path)
    {
    }

    /**
     * Writes an entry. Its name begins with a new UUID.
     *
     * @return string The UUID.
     *
     * @throws Refusal
     */
    public function write(string $content, Now $now, string $suffix): string
    {
        try {
            try {
                return $this->publish($content, $now, $suffix);
            } catch (SystemError $error) {
                if (!$error->is(SystemError::NOT_FOUND)) {
                    throw $error;
                }
            }
            $this->checkMissing();
            $this->make();

            return $this->publish($content, $now, $suffix);
        } catch (SystemError $error) {
            throw $this->refusal('write to', $error);
        }
    }

    /**
     * Makes the directory if it is missing, with its parents.
     *
     * @throws Refusal
     */
    public function make(): void
    {
        try {
            self::makeWithParents($this->path, self::DIRECTORY_MODE);
        } catch (SystemError $error) {
            throw $this->refusal('create', $error);
        }
    }

    /**
     * fopen() says of every path above which something is wrong that there is no such file. opendir() says what is.
     *
     * @throws SystemError
     */
    private function checkMissing(): void
    {
        try {
            closedir(System::call(fn (): mixed => opendir($this->path)));
        } catch (SystemError $error) {
            if (!$error->is(SystemError::NOT_FOUND)) {
                throw $error;
            }
        }
    }

    private function refusal(string $doing, SystemError $error): Refusal
    {
        $explanation = Denied::explain($this->path, $error);
        $path = Printable::text($this->path);

        return new Refusal("cannot $doing the queue directory $path: {$error->getMessage()}$explanation");
    }

    /** @throws SystemError */
    private function publish(string $content, Now $now, string $suffix): string
    {
        $fsync = Settings::fsync();
        $temporary = $this->path . '/' . self::TEMPORARY_PREFIX . Uid::at($now) . $suffix;
        // It must not exist, and no process that is started meanwhile gets it.
        $file = self::withUmask(
            0o666 & ~self::ENTRY_MODE,
            static fn (): mixed => System::call(static fn (): mixed => fopen($temporary, 'xbe')),
        );
        try {
            self::setModeOfEntry($file, $temporary);
            self::fill($file, $content, $fsync);
            $uid = $this->name($temporary, $now, $suffix);
        } catch (SystemError $error) {
            System::quietly(static fn (): bool => unlink($temporary));

            throw $error;
        } finally {
            fclose($file);
        }
        if ($fsync === 'full') {
            $this->syncDirectory("$this->path/$uid$suffix");
        }

        return $uid;
    }

    /**
     * The commit point: the complete file gets the name by which readers find it. It never takes the name of another.
     *
     * @throws SystemError
     */
    private function name(string $temporary, Now $now, string $suffix): string
    {
        for (;;) {
            $uid = Uid::at($now);
            $target = "$this->path/$uid$suffix";
            try {
                // Hosts turn this function off, and some file systems have no links.
                if (function_exists('link')) {
                    System::call(static fn (): bool => link($temporary, $target));
                    // Readers can see the entry already. A first name that stays is deleted by the broadcaster.
                    System::quietly(static fn (): bool => unlink($temporary));

                    return $uid;
                }
            } catch (SystemError $error) {
                if ($error->is(SystemError::EXISTS)) {
                    continue;
                }
            }
            clearstatcache();
            if (!file_exists($target)) {
                System::call(static fn (): bool => rename($temporary, $target));

                return $uid;
            }
        }
    }

    /** @throws SystemError */
    private function syncDirectory(string $entry): void
    {
        try {
            $directory = System::call(fn (): mixed => fopen($this->path, 'rbe'));
            try {
                System::call(static fn (): bool => fsync($directory));
            } finally {
                fclose($directory);
            }
        } catch (SystemError $error) {
            // The caller learns that the event was not queued, so it must not be delivered.
            System::quietly(static fn (): bool => unlink($entry));

            throw $error;
        }
    }

    /**
     * What is made gets its mode by this umask, at once. PHP can set the mode of a path only, not of an open file, and
     * whoever else may write to the directory could put a link to another file in its place. The umask of a PHP with
     * threads is that of all of them.
     *
     * @template T
     *
     * @param callable(): T $make
     *
     * @return T
     */
    private static function withUmask(int $umask, callable $make): mixed
    {
        if (!self::hasOwnUmask()) {
            return $make();
        }
        $before = umask($umask);
        try {
            return $make();
        } finally {
            umask($before);
        }
    }

    private static function hasOwnUmask(): bool
    {
        return !PHP_ZTS && function_exists('umask');
    }

    /**
     * Sets the mode, from which the umask removed bits, as far as the file system allows: the broadcaster may be
     * another user of the group.
     *
     * @param resource $file
     */
    private static function setModeOfEntry($file, string $path): void
    {
        if (self::hasOwnUmask() || !function_exists('chmod')) {
            return;
        }
        $mode = (fstat($file) ?: [])['mode'] ?? 0;
        if (($mode & 0o7777) !== self::ENTRY_MODE) {
            System::quietly(static fn (): bool => chmod($path, self::ENTRY_MODE));
        }
    }

    /**
     * @param resource $file
     *
     * @throws SystemError
     */
    private static function fill($file, string $content, string $fsync): void
    {
        for ($written = 0; $written < strlen($content);) {
            $written += System::call(static fn (): int|false => fwrite($file, substr($content, $written)));
        }
        match ($fsync) {
            'none' => true,
            'data' => System::call(static fn (): bool => fdatasync($file)),
            'full' => System::call(static fn (): bool => fsync($file)),
        };
    }

    /** @throws SystemError */
    private static function makeWithParents(string $path, int $mode): void
    {
        try {
            self::makeOne($path, $mode);
        } catch (SystemError $error) {
            if (!$error->is(SystemError::NOT_FOUND) || dirname($path) === $path) {
                throw $error;
            }
            self::makeWithParents(dirname($path), self::PARENT_MODE);
            self::makeOne($path, $mode);
        }
    }

    /**
     * Makes one directory, with its mode whatever the umask is. One that exists is left as it is.
     *
     * @throws SystemError
     */
    private static function makeOne(string $path, int $mode): void
    {
        try {
            self::withUmask(
                0,
                static fn (): mixed => System::call(static fn (): bool => mkdir($path, $mode & 0o777)),
            );
        } catch (SystemError $error) {
            if ($error->is(SystemError::EXISTS)) {
                return;
            }

            throw $error;
        }
        clearstatcache();
        $stat = System::call(static fn (): array|false => stat($path));
        $inherited = $stat['mode'] & self::SET_GROUP_ID;
        if (($stat['mode'] & 0o7777) === ($mode | $inherited) || !function_exists('chmod')) {
            return;
        }
        try {
            System::call(static fn (): bool => chmod($path, $mode | $inherited));
        } catch (SystemError $error) {
            if (!$error->is(SystemError::NOT_PERMITTED) || (($mode | $inherited) & self::SET_GROUP_ID) === 0) {
                throw $error;
            }
            // A sandbox forbids the bit, or the group is none of ours. An inherited one would be removed.
            $isOfAnotherGroup = !function_exists('posix_getegid') || $stat['gid'] !== posix_getegid();
            if ($inherited === 0 || !$isOfAnotherGroup) {
                System::call(static fn (): bool => chmod($path, $mode & 0o777));
            }
        }
    }
}
