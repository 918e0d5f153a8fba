<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctor;

use FASTAPI\WebSocket\Polyfill\Settings;

/**
 * The queue directory of those who name none: EventQueue does not tell which one it has taken.
 */
final class DefaultQueue
{
    /** Null if none is set. */
    public static function directory(): ?string
    {
        // Without the extension PHP has no such setting, and the classes in PHP read it themselves.
        $path = class_exists(Settings::class) ? Settings::path() : ini_get('fastapi_websocket.path');

        return $path === false || $path === '' ? null : $path;
    }
}
