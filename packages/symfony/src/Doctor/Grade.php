<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Doctor;

/**
 * How good a finding is. The labels are those of `fastapi-broadcaster doctor`.
 */
enum Grade: string
{
    case Good = '<info>ok  </info>';
    case Note = '<comment>note</comment>';
    case Bad = '<error>BAD </error>';
}
