// Handshakes that are refused.

import { error, received } from './lines.js';

const handshake = (scenario, code, recorded = 'x closed 1006') => ({
    scenario,
    part: 'ann',
    recorded: [recorded],
    ours: [error(code), `x closed ${code}`],
    reason: 'Pusher documents this code. By it pusher-js knows whether to try again.',
});

const CONNECTED = received({
    data: { $text: { activity_timeout: '<seconds>', socket_id: '<socket of ann>' } },
    event: 'pusher:connection_established',
});

export const CONNECTING = [
    handshake('connecting.unknown_key', 4001),
    handshake('connecting.page_with_unknown_key', 4001),
    handshake('connecting.no_protocol', 4008, CONNECTED),
    handshake('connecting.no_query', 4008, CONNECTED),
    handshake('connecting.unsupported_protocol', 4007, CONNECTED),
    handshake('connecting.protocol_is_no_number', 4007),
];
