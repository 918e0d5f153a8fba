<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\Laravel\FastapiBroadcaster;
use FASTAPI\WebSocket\Laravel\FastapiServiceProvider;
use FASTAPI\WebSocket\Laravel\Tests\Support\Artisan;
use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\TestCase;

/**
 * How the package becomes part of a site.
 */
final class ProviderTest extends TestCase
{
    public function testLaravelDiscoversThePackageAndItsConnectionNeedsNoConfiguration(): void
    {
        $site = new Site();

        self::assertTrue($site->app->providerIsLoaded(FastapiServiceProvider::class));
        self::assertInstanceOf(FastapiBroadcaster::class, Broadcast::connection());
    }

    public function testAConnectionOfTheSiteIsNotReplaced(): void
    {
        $site = new Site([], ['fastapi' => ['driver' => 'fastapi', 'key' => 'of-its-own', 'secret' => 's']]);
        $answer = json_decode((string) $site->auth('private-foobar', user: '42')->getContent(), true);

        self::assertStringStartsWith('of-its-own:', $answer['auth']);
    }

    public function testTheManagerOfBroadcastsIsMadeOnlyIfItIsUsed(): void
    {
        $site = new Site(site: ['has_channels' => false]);

        self::assertFalse($site->app->resolved(BroadcastManager::class));
    }

    public function testTheConfigurationCanBePublishedAndCached(): void
    {
        $artisan = new Artisan();
        [$code, $output] = $artisan->run(['vendor:publish', '--tag=fastapi-config']);
        self::assertSame(0, $code, $output);
        $published = "{$artisan->directory->path}/config/fastapi.php";
        self::assertFileEquals(dirname(__DIR__) . '/config/fastapi.php', $published);

        [$code, $output] = $artisan->run(['config:cache']);
        self::assertSame(0, $code, $output);
        file_put_contents("{$artisan->directory->path}/.env", '');
        [, $output] = $artisan->run(['fastapi:doctor']);
        self::assertStringContainsString('the key is ' . Site::KEY, $output);
        self::assertStringContainsString("the queue directory $artisan->queue", $output);
    }
}
