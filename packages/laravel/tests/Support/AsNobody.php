<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests\Support;

/**
 * Runs code as a user without rights: in a child if this one is root, and here otherwise.
 */
final class AsNobody
{
    private const NOBODY = 65534;

    /**
     * @param callable(): array<mixed> $do
     * @return array<mixed>
     */
    public static function returns(callable $do): array
    {
        if (posix_geteuid() !== 0) {
            return $do();
        }
        [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                posix_setgid(self::NOBODY);
                posix_setuid(self::NOBODY);
                $text = json_encode($do());
            } catch (\Throwable $exception) {
                $text = json_encode(['failed', (string) $exception, '']);
            }
            fwrite($theirs, $text . "\n");
            // Without what PHPUnit and the tests have registered for the end.
            posix_kill(posix_getpid(), SIGKILL);
        }
        fclose($theirs);
        $text = (string) fgets($ours);
        pcntl_waitpid($child, $status);

        return json_decode($text, true, flags: JSON_THROW_ON_ERROR);
    }
}
