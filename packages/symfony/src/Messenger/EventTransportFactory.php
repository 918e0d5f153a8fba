<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\Messenger;

use FASTAPI\WebSocket\Symfony\EventPublisher;
use Symfony\Component\Messenger\Exception\InvalidArgumentException;
use Symfony\Component\Messenger\Transport\Serialization\SerializerInterface;
use Symfony\Component\Messenger\Transport\TransportFactoryInterface;
use Symfony\Component\Messenger\Transport\TransportInterface;

/**
 * Makes the transport of `fastapi://default?ttl=60&priority=low`. The queue is that of the bundle.
 */
final class EventTransportFactory implements TransportFactoryInterface
{
    private const OPTIONS = ['ttl', 'priority'];

    public function __construct(private readonly EventPublisher $publisher)
    {
    }

    public function createTransport(
        #[\SensitiveParameter] string $dsn,
        array $options,
        SerializerInterface $serializer,
    ): TransportInterface {
        if (preg_match('~\Afastapi://(?:default)?(?:\?(.*))?\z~', $dsn, $match) !== 1) {
            throw new InvalidArgumentException(
                'the transport is fastapi://default, with ttl and priority behind a ? if needed; '
                . 'the directory is set by fastapi_websocket.queue'
            );
        }
        parse_str($match[1] ?? '', $query);
        // Symfony's own.
        unset($options['transport_name']);
        $options += $query;
        $unknown = array_diff(array_keys($options), self::OPTIONS);
        if ($unknown !== []) {
            throw new InvalidArgumentException(
                'unknown options of the transport fastapi://: ' . implode(', ', $unknown) . '; there are ttl, priority'
            );
        }

        return new EventTransport($this->publisher, $this->ttl($options), $this->priority($options));
    }

    public function supports(#[\SensitiveParameter] string $dsn, array $options): bool
    {
        return str_starts_with($dsn, 'fastapi://');
    }

    /** @param array<string, mixed> $options */
    private function ttl(array $options): ?int
    {
        if (!isset($options['ttl'])) {
            return null;
        }
        $ttl = filter_var($options['ttl'], FILTER_VALIDATE_INT, ['options' => ['min_range' => 1]]);
        if ($ttl === false) {
            throw new InvalidArgumentException('ttl of the transport fastapi:// is not a whole number of at least 1');
        }

        return $ttl;
    }

    /** @param array<string, mixed> $options */
    private function priority(array $options): ?string
    {
        $priority = $options['priority'] ?? null;
        if (!in_array($priority, [null, 'high', 'normal', 'low'], true)) {
            throw new InvalidArgumentException('priority of the transport fastapi:// is not high, normal or low');
        }

        return $priority;
    }
}
