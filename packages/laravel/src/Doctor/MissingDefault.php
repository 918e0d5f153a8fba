<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Doctor;

use Illuminate\Contracts\Config\Repository;

/**
 * Lets the doctor run where BROADCAST_CONNECTION names no connection. Laravel throws there as soon as
 * routes/channels.php registers a channel, so in every command.
 */
final class MissingDefault
{
    public const MARK = 'is_missing';

    private const COMMAND = 'fastapi:doctor';

    /** Defines the connection for this process, marked and without an effect, if the doctor is called. */
    public static function define(Repository $config): void
    {
        $default = (string) $config->get('broadcasting.default');
        // 'null' needs no entry.
        $isThere = in_array($default, ['', 'null'], true) || $config->get("broadcasting.connections.$default") !== null;
        if (! $isThere && in_array(self::COMMAND, $_SERVER['argv'] ?? [], true)) {
            $config->set("broadcasting.connections.$default", ['driver' => 'null', self::MARK => true]);
        }
    }
}
