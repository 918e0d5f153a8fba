<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Polyfill;

/**
 * The system has refused a call. The message is its reason with the number, as the extension shows it.
 *
 * @internal
 */
final class SystemError extends \Exception
{
    public const NOT_PERMITTED = 'Operation not permitted';
    public const NOT_FOUND = 'No such file or directory';
    public const EXISTS = 'File exists';
    public const DENIED = 'Permission denied';
    public const READ_ONLY = 'Read-only file system';

    /** Numbers that are the same on all systems, for a PHP without the extension posix. */
    private const NUMBERS = [
        self::NOT_PERMITTED => 1,
        self::NOT_FOUND => 2,
        'Input/output error' => 5,
        self::DENIED => 13,
        self::EXISTS => 17,
        'Not a directory' => 20,
        'Is a directory' => 21,
        'Invalid argument' => 22,
        'Too many open files' => 24,
        'No space left on device' => 28,
        self::READ_ONLY => 30,
        'File name too long' => PHP_OS_FAMILY === 'Linux' ? 36 : 63,
        'Too many levels of symbolic links' => PHP_OS_FAMILY === 'Linux' ? 40 : 62,
        'Disk quota exceeded' => PHP_OS_FAMILY === 'Linux' ? 122 : 69,
    ];

    private function __construct(public readonly string $reason, ?int $number)
    {
        parent::__construct($number === null ? $reason : "$reason (os error $number)");
    }

    /** The error that a warning of PHP tells. Its reason is what stands last. */
    public static function ofWarning(string $warning): self
    {
        $colon = strrpos($warning, ': ');
        $reason = $colon === false ? $warning : substr($warning, $colon + 2);
        if (preg_match('/^Write of \d+ bytes failed with errno=(\d+) (.*)$/s', $reason, $match) === 1) {
            return new self($match[2], (int) $match[1]);
        }

        return new self($reason, self::number($reason));
    }

    public function is(string ...$reasons): bool
    {
        return in_array($this->reason, $reasons, true);
    }

    private static function number(string $reason): ?int
    {
        if (isset(self::NUMBERS[$reason])) {
            return self::NUMBERS[$reason];
        }
        for ($number = 1; function_exists('posix_strerror') && $number < 134; $number++) {
            if (posix_strerror($number) === $reason) {
                return $number;
            }
        }

        return null;
    }
}
