<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctor;

use FASTAPI\WebSocket\EventQueue;

/**
 * Whether this PHP has the extension, and one that is new enough, or the classes in PHP in its place.
 */
final class ExtensionCheck
{
    private const EXTENSION = 'fastapi_websocket';

    private const POLYFILL = 'fastapi/websocket-polyfill';

    private const METHODS = ['publish', 'publishAll'];

    /** @return list<Finding> */
    public function findings(): array
    {
        $where = PHP_BINARY . ' (PHP ' . PHP_VERSION . '), and for php-fpm as well';
        if (!extension_loaded(self::EXTENSION)) {
            return [class_exists(EventQueue::class)
                ? Finding::note(
                    self::POLYFILL . ' queues the events, as files and without the journal: this PHP has no extension '
                        . self::EXTENSION,
                    "install the extension where that is possible, it is faster: for $where"
                )
                : Finding::bad(
                    'this PHP has no extension ' . self::EXTENSION,
                    "install it for $where; where that is not possible: composer require " . self::POLYFILL
                )];
        }
        $version = phpversion(self::EXTENSION);
        $missing = array_filter(self::METHODS, static fn ($method) => !method_exists(EventQueue::class, $method));
        if ($missing !== []) {
            return [Finding::bad(
                "the extension $version has no EventQueue::" . implode('(), EventQueue::', $missing) . '()',
                'install a newer version of the extension'
            )];
        }

        return [Finding::good('the extension ' . self::EXTENSION . " $version is loaded in PHP " . PHP_VERSION)];
    }
}
