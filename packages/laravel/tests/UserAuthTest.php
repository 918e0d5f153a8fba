<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel\Tests;

use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\TestCase;
use Symfony\Component\HttpFoundation\Response;

/**
 * Signing in as a user (pusher-js: `signin()`). Laravel 8 does not have it, so there only its absence is tested.
 */
final class UserAuthTest extends TestCase
{
    private Site $site;

    protected function setUp(): void
    {
        $this->site = new Site();
    }

    protected function tearDown(): void
    {
        unset($this->site);
    }

    public function testAUserThatIsLoggedInGetsASignatureOfWhoItIs(): void
    {
        if (! $this->hasUsers()) {
            self::assertNull(Broadcast::connection()->resolveAuthenticatedUser(new Request()));

            return;
        }
        Broadcast::resolveAuthenticatedUserUsing(
            static fn (Request $request): ?array =>
                ($user = $request->user()) === null ? null : ['name' => 'ü', 'id' => (int) $user->id]
        );
        // First, because the guard of an application remembers its user.
        self::assertSame(403, $this->signIn(null)->getStatusCode());
        self::assertSame(403, $this->signIn('42', '1234.1234:private-foobar')->getStatusCode());

        $answer = $this->signIn('42');
        self::assertSame(200, $answer->getStatusCode(), (string) $answer->getContent());
        $signed = json_decode((string) $answer->getContent(), true);
        self::assertSame(['auth', 'user_data'], array_keys($signed));
        // The id is a text, because pusher-js takes no number.
        self::assertEqualsCanonicalizing(['id' => '42', 'name' => 'ü'], json_decode($signed['user_data'], true));
        $hmac = hash_hmac('sha256', "1234.1234::user::{$signed['user_data']}", Site::SECRET);
        self::assertSame(Site::KEY . ":$hmac", $signed['auth']);
    }

    public function testAUserWithoutAnIdIsAMistakeOfTheSite(): void
    {
        if (! $this->hasUsers()) {
            self::assertFalse(method_exists(BroadcastManager::class, 'userRoutes'));

            return;
        }
        Broadcast::resolveAuthenticatedUserUsing(static fn (): array => ['name' => 'nobody']);
        $answer = $this->signIn('42');

        self::assertSame(500, $answer->getStatusCode());
        self::assertStringContainsString('a user without an id', (string) $answer->getContent());
    }

    private function signIn(?string $user, string $socketId = '1234.1234'): Response
    {
        $headers = $user === null ? [] : ['X-User' => $user];

        return $this->site->post('/broadcasting/user-auth', ['socket_id' => $socketId], $headers);
    }

    private function hasUsers(): bool
    {
        if (! method_exists(BroadcastManager::class, 'userRoutes')) {
            return false;
        }
        Broadcast::userRoutes();

        return true;
    }
}
