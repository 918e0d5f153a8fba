// Events of clients.

import { error, received, text } from './lines.js';

const typing = (data, { channel, ...more }) => received({ channel, data, event: 'client-typing', ...more });

const clientEvent = (scenario, data, ours) => ({
    scenario: `client_events.${scenario}`,
    part: 'bob',
    recorded: [typing(data, { channel: ours.channel })],
    ours: [typing({ $text: data }, ours)],
    reason: 'Data is a string that holds JSON; in presence channels Pusher names the user.',
});

const DATA = 'presence-client-events-data';
const dataEvent = (recorded, ours, reason) => ({
    scenario: 'client_events.data',
    part: 'bob',
    recorded: recorded.map((data) => `< {"channel":"${DATA}",${data}}`),
    ours: ours.map((data) => `< {"channel":"${DATA}",${data},"user_id":"ann"}`),
    reason,
});
const NAMES_USER = 'The server names the user, whatever the client says. Data is a string that holds JSON.';

export const CLIENT_EVENTS = [
    clientEvent('private_channel', { at: 3 }, { channel: 'private-client-events' }),
    clientEvent('presence_channel', { at: 3 }, { channel: 'presence-client-events', user_id: 'ann' }),
    {
        scenario: 'client_events.encrypted_channel',
        part: 'bob',
        recorded: ['< {"channel":"private-encrypted-client-events","data":{},"event":"client-typing"}'],
        ours: [],
        reason: 'Pusher has no client events there: they would not be encrypted.',
    },
    {
        scenario: 'client_events.encrypted_channel',
        part: 'ann',
        recorded: [`< {"data":${text({})},"event":"pusher:pong"}`],
        ours: [error(4301), `< {"data":${text({})},"event":"pusher:pong"}`],
        reason: 'As before: it is refused.',
    },
    dataEvent(['"data":"a text","event":"client-data"'], ['"data":"a text","event":"client-data"'], NAMES_USER),
    dataEvent(
        ['"data":{"$text":{"a":1}},"event":"client-data"'],
        ['"data":{"$text":{"a":1}},"event":"client-data"'],
        NAMES_USER,
    ),
    dataEvent(
        ['"data":{"a":[1,null]},"event":"client-data"'],
        ['"data":{"$text":{"a":[1,null]}},"event":"client-data"'],
        NAMES_USER,
    ),
    dataEvent(['"data":42,"event":"client-data"'], ['"data":"42","event":"client-data"'], NAMES_USER),
    dataEvent(['"data":null,"event":"client-none"'], ['"event":"client-none"'], `${NAMES_USER} There is none.`),
];
