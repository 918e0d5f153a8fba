<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Laravel;

use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Http\Request;
use Symfony\Component\HttpKernel\Exception\AccessDeniedHttpException;

/**
 * Who may subscribe to which channel, and who is who: the answers that pusher-js and Echo send on to the broadcaster.
 *
 * Socket ids and channels are checked before anything is signed. The signed text has colons between its parts, so a
 * part that contains one could be read as several.
 */
trait AnswersPusherClients
{
    /**
     * Answers /broadcasting/auth.
     *
     * @param Request $request
     * @throws AccessDeniedHttpException
     */
    public function auth($request): mixed
    {
        $this->socketIdOf($request);
        $channel = $this->normalizeChannelName($this->channelOf($request));
        if (! $this->retrieveUser($request, $channel)) {
            throw new AccessDeniedHttpException();
        }

        return $this->verifyUserCanAccessChannel($request, $channel);
    }

    /**
     * The answer for a user that routes/channels.php lets in.
     *
     * @param Request $request
     * @param mixed $result What the callback of the channel has returned: of a presence channel, who the user is.
     * @return array<string, string>
     */
    public function validAuthenticationResponse($request, $result): array
    {
        $socketId = $this->socketIdOf($request);
        $channel = $this->channelOf($request);
        if (str_starts_with($channel, 'presence-')) {
            $data = $this->memberData($request, $channel, $result);

            return ['auth' => $this->credentials()->authOfChannel($socketId, $channel, $data), 'channel_data' => $data];
        }
        $answer = ['auth' => $this->credentials()->authOfChannel($socketId, $channel)];
        if (ChannelEncryption::isFor($channel)) {
            $answer['shared_secret'] = $this->encryption()->sharedSecret($channel);
        }

        return $answer;
    }

    /**
     * Answers /broadcasting/user-auth, which Laravel has from version 9 on.
     *
     * @param Request $request
     * @return array{auth: string, user_data: string}|null Null: nobody is logged in.
     */
    public function resolveAuthenticatedUser($request): ?array
    {
        if (! method_exists(Broadcaster::class, 'resolveAuthenticatedUser')) {
            return null;
        }
        $user = parent::resolveAuthenticatedUser($request);
        if (! $user) {
            return null;
        }
        $socketId = $this->socketIdOf($request);
        $id = (string) ($user['id'] ?? '');
        if ($id === '') {
            throw new BroadcastException('resolveAuthenticatedUserUsing() has returned a user without an id');
        }
        // pusher-js takes no number.
        $data = json_encode(['id' => $id] + $user, JSON_THROW_ON_ERROR);

        return ['auth' => $this->credentials()->authOfUser($socketId, $data), 'user_data' => $data];
    }

    private function memberData(Request $request, string $channel, mixed $result): string
    {
        $user = $this->retrieveUser($request, $this->normalizeChannelName($channel));
        $id = method_exists($user, 'getAuthIdentifierForBroadcasting')
            ? $user->getAuthIdentifierForBroadcasting()
            : $user->getAuthIdentifier();

        return json_encode(['user_id' => (string) $id, 'user_info' => $result], JSON_THROW_ON_ERROR);
    }

    private function socketIdOf(Request $request): string
    {
        $id = $request->input('socket_id');
        if (! is_string($id) || preg_match('/\A\d+\.\d+\z/', $id) !== 1) {
            throw new AccessDeniedHttpException('socket_id is not that of a connection');
        }

        return $id;
    }

    /** Only channels that need a permission are signed. */
    private function channelOf(Request $request): string
    {
        $name = $request->input('channel_name');
        if (! is_string($name) || preg_match('/\A(private|presence)-[-a-zA-Z0-9_=@,.;]+\z/', $name) !== 1) {
            throw new AccessDeniedHttpException('channel_name is not that of a private or presence channel');
        }

        return $name;
    }

    private function credentials(): AppCredentials
    {
        return $this->settings->credentials() ?? throw new BroadcastException(
            'the connection has no key and secret: set FASTAPI_APP_KEY and FASTAPI_APP_SECRET'
        );
    }

    private function encryption(): ChannelEncryption
    {
        return $this->settings->encryption() ?? throw new BroadcastException(
            'private-encrypted- channels need a master key: set FASTAPI_ENCRYPTION_MASTER_KEY'
        );
    }
}
