<?php

// What the folder `config` of a site has, as far as its parts are used here.

use FASTAPI\WebSocket\Laravel\Tests\Support\Site\SiteServiceProvider;

return [
    'app' => [
        'name' => 'Shop',
        'env' => 'testing',
        'debug' => true,
        'key' => 'base64:' . base64_encode(random_bytes(32)),
        'cipher' => 'AES-256-CBC',
        'timezone' => 'UTC',
        'locale' => 'en',
        'fallback_locale' => 'en',
        'providers' => [
            Illuminate\Auth\AuthServiceProvider::class,
            Illuminate\Broadcasting\BroadcastServiceProvider::class,
            Illuminate\Bus\BusServiceProvider::class,
            Illuminate\Cache\CacheServiceProvider::class,
            Illuminate\Foundation\Providers\ConsoleSupportServiceProvider::class,
            Illuminate\Cookie\CookieServiceProvider::class,
            Illuminate\Database\DatabaseServiceProvider::class,
            Illuminate\Encryption\EncryptionServiceProvider::class,
            Illuminate\Filesystem\FilesystemServiceProvider::class,
            Illuminate\Foundation\Providers\FoundationServiceProvider::class,
            Illuminate\Hashing\HashServiceProvider::class,
            Illuminate\Notifications\NotificationServiceProvider::class,
            Illuminate\Pipeline\PipelineServiceProvider::class,
            Illuminate\Queue\QueueServiceProvider::class,
            Illuminate\Session\SessionServiceProvider::class,
            Illuminate\Translation\TranslationServiceProvider::class,
            Illuminate\Validation\ValidationServiceProvider::class,
            Illuminate\View\ViewServiceProvider::class,
            SiteServiceProvider::class,
        ],
        'aliases' => [],
    ],
    'auth' => [
        'defaults' => ['guard' => 'web'],
        'guards' => ['web' => ['driver' => 'header'], 'staff' => ['driver' => 'staff-header']],
    ],
    'broadcasting' => ['default' => 'fastapi'],
    'cache' => ['default' => 'array', 'stores' => ['array' => ['driver' => 'array']]],
    'database' => ['default' => 'none', 'connections' => []],
    'logging' => [
        'default' => 'null',
        'channels' => ['null' => ['driver' => 'monolog', 'handler' => Monolog\Handler\NullHandler::class]],
    ],
    'queue' => ['default' => 'sync', 'connections' => ['sync' => ['driver' => 'sync']]],
    'session' => [
        'driver' => 'array',
        'lifetime' => 120,
        'expire_on_close' => false,
        'lottery' => [0, 1],
        'cookie' => 'shop',
        'path' => '/',
        'domain' => null,
        'secure' => null,
        'http_only' => true,
        'same_site' => 'lax',
    ],
    'view' => ['paths' => [], 'compiled' => sys_get_temp_dir()],
];
