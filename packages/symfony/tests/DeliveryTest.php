<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Tests;

use Doctrine\DBAL\Connection;
use FASTAPI\WebSocket\Laravel\Tests\Support\Broadcaster;
use FASTAPI\WebSocket\Laravel\Tests\Support\WebSocketClient;
use FASTAPI\WebSocket\Symfony\Tests\Support\OrderPaid;
use FASTAPI\WebSocket\Symfony\Tests\Support\Site;
use FASTAPI\WebSocket\Symfony\Tests\Support\WebServer;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Messenger\MessageBusInterface;

/**
 * Events on their way to clients, with the real broadcaster.
 */
final class DeliveryTest extends TestCase
{
    public function testAClientWithATokenOfTheSiteReceivesItsEvents(): void
    {
        $site = new Site();
        $secret = "{$site->directory->path}/secret";
        chmod($secret, 0600);
        $settings = "token_secret_file = [\"$secret\"]\npublic_channels = [\"public.*\"]\n";
        $broadcaster = new Broadcaster($site->queue, $settings);
        $token = json_decode($site->ask('/realtime-token', '42')->getContent(), true)['token'];
        $client = new WebSocketClient($broadcaster->address, '/?token=' . $token);
        $connection = $site->get(Connection::class);

        $connection->beginTransaction();
        $site->publisher()->publish('order.lost', channel: 'private-user.42');
        $connection->rollBack();
        $site->publisher()->publish('order.other', channel: 'private-user.43');
        $site->get(MessageBusInterface::class)->dispatch(new OrderPaid(7, 42));

        $message = json_decode($client->readEvent(), true);
        self::assertSame('order.paid', $message['event']);
        self::assertSame(['id' => 7, 'userId' => 42], $message['payload']);
        self::assertSame('private-user.42', $message['channel']);
        unset($broadcaster);
    }

    public function testTheBroadcasterLetsInWhomTheSiteKnows(): void
    {
        $site = new Site();
        $webServer = new WebServer($site);
        $settings = "auth_hook = \"http://$webServer->address/ws-auth\"\npublic_channels = [\"public.*\"]\n";
        $broadcaster = new Broadcaster($site->queue, $settings);

        $stream = $this->openStream($broadcaster->address, 'Authorization: Basic ' . base64_encode('42:secret'));
        self::assertStringContainsString(' 200 ', fgets($stream));
        // Its first block says that the connection is there.
        while (($line = fgets($stream)) !== false && !str_starts_with($line, 'id:')) {
        }
        $site->publisher()->publish('order.paid', ['id' => 7], 'private-user.42');
        while (($line = fgets($stream)) !== false && !str_starts_with($line, 'data:')) {
        }
        self::assertStringContainsString('"event":"order.paid","payload":{"id":7}', (string) $line);

        $refused = $this->openStream($broadcaster->address, 'X-Nobody: yes');
        self::assertStringContainsString(' 401 ', fgets($refused));
        unset($broadcaster, $webServer);
    }

    /** @return resource Server-sent events. */
    private function openStream(string $address, string $header)
    {
        $socket = stream_socket_client("tcp://$address");
        stream_set_timeout($socket, 20);
        fwrite($socket, "GET / HTTP/1.1\r\nHost: $address\r\nAccept: text/event-stream\r\n$header\r\n\r\n");

        return $socket;
    }
}
