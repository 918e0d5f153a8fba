<?php

// The application behind PHP's own web server. The environment has what Site sets in a test.

declare(strict_types=1);

use FASTAPI\WebSocket\Symfony\Tests\Support\SiteKernel;
use Symfony\Component\HttpFoundation\Request;

require dirname(__DIR__) . '/bootstrap.php';

$_ENV += getenv();
$kernel = new SiteKernel((string) getenv('SITE_PROJECT'));
$kernel->handle(Request::createFromGlobals())->send();
