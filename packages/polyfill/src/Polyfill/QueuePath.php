<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * The path of a queue as an absolute directory name, by PHP's own rules for paths.
 *
 * @internal
 */
final class QueuePath
{
    private const MAX_BYTES = PHP_MAXPATHLEN - 1;

    /**
     * The directory that the text names now, whether this script may write to it or not. An empty one is the directory
     * of the settings.
     *
     * @throws Refusal
     */
    public static function locate(string $path): string
    {
        $path = self::trim($path === '' ? Settings::path() : $path);
        if ($path === '') {
            throw new Refusal('the queue path is empty');
        }
        $path = self::trim(self::local($path));
        if (strlen($path) > self::MAX_BYTES) {
            throw new Refusal('the queue path is longer than ' . self::MAX_BYTES . ' bytes');
        }
        if (str_contains($path, "\0")) {
            throw new Refusal('the queue path contains a NUL byte');
        }

        return str_starts_with($path, '/') ? $path : self::absolute($path);
    }

    /**
     * Refuses a directory outside of `open_basedir`.
     *
     * @throws Refusal
     */
    public static function check(string $directory): void
    {
        if ((string) ini_get('open_basedir') === '') {
            return;
        }
        // PHP answers the question only by the warning of a function that opens something.
        clearstatcache();
        System::quietly(static fn (): mixed => stat($directory), $warning);
        if (str_contains((string) $warning, '(): open_basedir restriction in effect')) {
            throw new Refusal("the queue path $directory is outside of open_basedir");
        }
    }

    /** `file:///srv/queue` is `/srv/queue`, as for PHP's own functions. Other URLs are refused. */
    private static function local(string $path): string
    {
        if (preg_match('#^([a-z0-9+.-]+)://(.*)$#is', $path, $match) !== 1) {
            return $path;
        }
        [, $scheme, $rest] = $match;
        if (strtolower($scheme) === 'file' && preg_match('#^(?:localhost)?(/.*)$#s', $rest, $match) === 1) {
            return $match[1];
        }
        $shown = self::withoutSecrets(Printable::lossy($path));

        throw new Refusal(
            "the queue path $shown is a URL of $scheme://, and a queue is a directory of this machine: give its path, "
            . 'such as /var/lib/fastapi-broadcaster/queue',
        );
    }

    /** A URL without its user and password, and without values that may be secrets. */
    private static function withoutSecrets(string $url): string
    {
        $url = (string) preg_replace('#://[^?\#]*@#', '://[hidden]@', $url);

        return (string) preg_replace('/(?<=[?&#])(token|pass|sentinel_password)=[^&]*/i', '$1=[hidden]', $url);
    }

    private static function absolute(string $path): string
    {
        $above = getcwd();
        if ($above === false) {
            throw new Refusal("cannot resolve the queue path $path");
        }
        $names = [];
        foreach (explode('/', "$above/$path") as $name) {
            if ($name === '..') {
                array_pop($names);
            } elseif ($name !== '' && $name !== '.') {
                $names[] = $name;
            }
        }

        return '/' . implode('/', $names);
    }

    /** Trims slashes and backslashes at the end, but leaves the root its slash. */
    private static function trim(string $path): string
    {
        $kept = rtrim($path, '/\\');

        return $kept === '' && str_starts_with($path, '/') ? '/' : $kept;
    }
}
