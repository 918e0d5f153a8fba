<?php
// Chat rooms: two that everybody may read, and one for its members. Messages go by HTTP to PHP, which checks and stores them;
// the clients only listen.
//
//   openssl rand -hex 32 >secret && chmod 600 secret
//   fastapi-broadcaster --queue /var/lib/fastapi-broadcaster/queue --token-secret-file secret --public-channels 'room.*'
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue TOKEN_SECRET_FILE=secret php -S 127.0.0.1:8080 chat_rooms.php
//
//   room.lobby, room.garden   public by `public_channels` of the broadcaster
//   private-room.staff        the token of a member allows it
//   private-user.NAME         what only this user gets: invitations

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

require_once __DIR__ . '/example_support.php';

const PUBLIC_ROOMS = ['lobby', 'garden'];
const PRIVATE_ROOMS = ['staff' => ['ann']];
const KEPT_MESSAGES = 50;

function login(): array
{
    $user = requiredText(requestBody(), 'user', 30);
    if (!preg_match('/^[a-z0-9]+$/D', $user)) {
        throw new Refusal(422, 'a name has the characters a-z and 0-9');
    }
    beginSession($user);

    return [200, ['user' => $user]];
}

/** Says which rooms the user of this session may read. Short: who leaves a room can read it as long as the token counts. */
function token(): array
{
    $user = requireUser();
    $allow = array_map(fn (string $room) => "private-room.$room", roomsOf($user));

    return [200, ['token' => AccessToken::create(tokenSecret(), $user, ["private-user.$user"], $allow, ttl: 120)]];
}

function listRooms(): array
{
    $user = requireUser();
    // Before the data is read. What is queued from here on reaches the page as an event, also before it is connected.
    $after = EventQueue::now();

    return [200, ['after' => $after, 'user' => $user, 'rooms' => [...PUBLIC_ROOMS, ...roomsOf($user)]]];
}

function listMessages(string $room): array
{
    requireMember($room);
    // For the same reason.
    $after = EventQueue::now();

    return [200, ['after' => $after, 'messages' => stored('chat')['messages'][$room] ?? []]];
}

function say(string $room): array
{
    $user = requireMember($room);
    $body = requestBody();
    $message = ['id' => requiredText($body, 'id', 100), 'room' => $room, 'user' => $user, 'text' => requiredText($body, 'text')];
    $client = isset($body['client']) ? requiredText($body, 'client', 64) : null;
    stored('chat', function (array $chat) use ($room, $message) {
        $messages = $chat['messages'][$room] ?? [];
        // A page that had no answer sends its message again.
        if (!in_array($message['id'], array_column($messages, 'id'), true)) {
            $chat['messages'][$room] = array_slice([...$messages, $message], -KEPT_MESSAGES);
        }

        return $chat;
    });
    $queued = tellClients(fn (EventQueue $queue) => $queue->publish(
        'chat.message',
        $message,
        channel: channelOf($room),
        // The same message again, within five minutes, is sent once.
        key: $message['id'],
        // The page that has sent it shows it already.
        except: $client,
    ));

    return [202, ['message' => $message, 'queued' => $queued]];
}

/** Makes somebody a member of a private room, whose page then gets a new token. */
function invite(string $room): array
{
    $user = requireMember($room);
    $guest = requiredText(requestBody(), 'user', 30);
    if (!isset(PRIVATE_ROOMS[$room]) || !preg_match('/^[a-z0-9]+$/D', $guest)) {
        throw new Refusal(422, 'only a private room has members, and a name has the characters a-z and 0-9');
    }
    stored('chat', function (array $chat) use ($room, $guest) {
        $members = $chat['members'][$room] ?? PRIVATE_ROOMS[$room];
        $chat['members'][$room] = array_values(array_unique([...$members, $guest]));

        return $chat;
    });
    $invitation = ['room' => $room, 'by' => $user];
    $queued = tellClients(fn (EventQueue $queue) => $queue->publish('room.invited', $invitation, channel: "private-user.$guest"));

    return [202, ['room' => $room, 'user' => $guest, 'queued' => $queued]];
}

function channelOf(string $room): string
{
    return (isset(PRIVATE_ROOMS[$room]) ? 'private-room.' : 'room.') . $room;
}

/** The private rooms of a user. */
function roomsOf(string $user): array
{
    $members = (stored('chat')['members'] ?? []) + PRIVATE_ROOMS;

    return array_keys(array_filter($members, fn (array $names) => in_array($user, $names, true)));
}

/** PHP checks rights as well: the broadcaster decides who may read, and not who may write. */
function requireMember(string $room): string
{
    $user = requireUser();
    if (!in_array($room, [...PUBLIC_ROOMS, ...roomsOf($user)], true)) {
        throw new Refusal(403, "$user is no member of the room $room");
    }

    return $user;
}

if (!servePage('chat_rooms.html')) {
    serveApi([
        'POST login' => login(...),
        'POST logout' => logout(...),
        'GET token' => token(...),
        'GET rooms' => listRooms(...),
        'GET rooms/([a-z]+)/messages' => listMessages(...),
        'POST rooms/([a-z]+)/messages' => say(...),
        'POST rooms/([a-z]+)/members' => invite(...),
    ]);
}
