<?php

declare(strict_types=1);

use FASTAPI\WebSocket\Symfony\Controller\LoginController;
use FASTAPI\WebSocket\Symfony\Controller\TokenController;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

return static function (RoutingConfigurator $routes): void {
    $routes->add('fastapi_token', '/realtime-token')->controller(TokenController::class)->methods(['GET']);
    // What the broadcaster asks for HEAD requests of clients is a GET as well.
    $routes->add('fastapi_login', '/ws-auth')->controller(LoginController::class)->methods(['GET']);
};
