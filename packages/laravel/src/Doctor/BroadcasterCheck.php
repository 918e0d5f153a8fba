<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Doctor;

/**
 * Whether a broadcaster reads the queue directory: it holds the file `.lock` locked, and says in `.reader` what it is.
 */
final class BroadcasterCheck
{
    /** @param string $setting Where the site names the directory. */
    public function __construct(private readonly ?string $directory, private readonly string $setting)
    {
    }

    /** @return list<Finding> */
    public function findings(): array
    {
        // The check of the directory has said why.
        if ($this->directory === null || ! is_dir($this->directory)) {
            return [];
        }
        $isLocked = $this->isLocked("$this->directory/.lock");
        if ($isLocked === null) {
            return [Finding::note(
                "this user may not see whether a broadcaster reads $this->directory",
                "run the doctor as the site's user, for example with sudo -u www-data"
            )];
        }
        if (! $isLocked) {
            return [Finding::bad(
                "no broadcaster reads $this->directory: events wait there until one does"
                    . ($this->waiting() === 0 ? '' : ", {$this->waiting()} entries now"),
                'start it: systemctl start fastapi-broadcaster. If it runs, it reads another directory: '
                    . "set $this->setting to that one"
            )];
        }

        return [Finding::good("a broadcaster{$this->version()} reads $this->directory")];
    }

    /** Asks by the lock that a second broadcaster would ask by. Creates no file. Null if this user cannot know. */
    private function isLocked(string $path): ?bool
    {
        if (! is_executable($this->directory)) {
            return null;
        }
        // Who may write to the directory can put another kind of file there, and opening a pipe would wait.
        if (is_link($path) || ! is_file($path)) {
            return false;
        }
        $file = is_readable($path) ? fopen($path, 'r') : false;
        if ($file === false) {
            return null;
        }
        // Closing the file unlocks it.
        $isFree = flock($file, LOCK_SH | LOCK_NB);
        fclose($file);

        return ! $isFree;
    }

    /** As in " 0.1.0"; empty if it is not known. */
    private function version(): string
    {
        $path = "$this->directory/.reader";
        if (is_link($path) || ! is_file($path) || ! is_readable($path)) {
            return '';
        }
        $reader = json_decode((string) file_get_contents($path, length: 4096), true);
        $version = is_array($reader) ? $reader['version'] ?? null : null;

        return is_string($version) && preg_match('/\A[-+.\w]{1,64}\z/', $version) === 1 ? " $version" : '';
    }

    private function waiting(): int
    {
        $names = is_readable($this->directory) ? scandir($this->directory) : [];

        return count(preg_grep('/\A[^.].*\.(json|events)\z/', $names ?: []));
    }
}
