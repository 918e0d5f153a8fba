<?php

declare(strict_types=1);

namespace App\Http\Middleware;

use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken as Middleware;

/**
 * Refuses forms and requests of pages of other sites.
 */
final class VerifyCsrfToken extends Middleware
{
}
