// Where our server says something else than the one that was recorded, with the reason of each. `RULES` hold for every
// line, `DIFFERENCES` for lines of one part of a scenario.

const text = (value) => JSON.stringify({ $text: value });

export const RULES = [
    {
        recorded: '< {"ok":true}',
        ours: '< {}',
        reason: 'Pusher documents an empty object.',
    },
    {
        recorded: '< {"event":"pusher:pong"}',
        ours: `< {"data":${text({})},"event":"pusher:pong"}`,
        reason: 'Messages of the server have data, as a string: some libraries expect it.',
    },
    {
        recorded: /^< \{"data":(\{"user_data":.*\}),"event":"pusher:signin_success"\}$/,
        ours: '< {"data":{"$text":$1},"event":"pusher:signin_success"}',
        reason: 'Data is a string that holds JSON, as in all other messages of the protocol.',
    },
    {
        recorded: /^< \{"channel":"([^"]*)","data":\{"\$text":\{\}\},"event":"pusher:cache_miss"\}$/,
        ours: '< {"channel":"$1","event":"pusher:cache_miss"}',
        reason: 'Pusher documents it without data.',
    },
    {
        recorded: /^= (.*) pusher:cache_miss \{\}$/,
        ours: '= $1 pusher:cache_miss null',
        reason: 'As before: the page gets nothing with it.',
    },
    {
        recorded: /"acknowledgement_id":"<id>",?/g,
        ours: '',
        reason: 'That is no part of the protocol.',
    },
    {
        recorded: '< {"data":{"code":4000,"message":"<text>"},"event":"pusher:error"}',
        ours: '< {"data":{"code":null,"message":"<text>"},"event":"pusher:error"}',
        reason: '4000 means that TLS is required. Pusher has no code for a message that is not understood.',
    },
    {
        recorded: '< 422',
        ours: '< 400',
        reason: 'Pusher documents 400 for every request that is wrong.',
    },
];

const ERROR_4009 = '< {"data":{"code":4009,"message":"<text>"},"event":"pusher:error"}';
const UNDERSTOOD_BY_NOBODY = '< {"data":{"code":null,"message":"<text>"},"event":"pusher:error"}';
const error = (code) => `< {"data":{"code":${code},"message":"<text>"},"event":"pusher:error"}`;
const subscribed = (channel) =>
    `< {"channel":"${channel}","data":{"$text":{}},"event":"pusher_internal:subscription_succeeded"}`;
const subscriptionError = (channel, type, status) =>
    `< {"channel":"${channel}","data":${text({ error: '<text>', status, type })},"event":"pusher:subscription_error"}`;

/** A subscription that is refused: pages learn of which channel. `more`: what pusher-js gives to the page. */
const refused = (scenario, part, channel, recorded = ERROR_4009, isPage = false) => ({
    scenario,
    part,
    recorded: [recorded],
    ours: [
        subscriptionError(channel, 'AuthError', 401),
        ...(isPage ? [`= ${channel} pusher:subscription_error {"error":"<text>","status":401,"type":"AuthError"}`] : []),
    ],
    reason: 'Says which subscription failed, so that error() of Echo is called. pusher:error leaves it pending.',
});

const noChannel = (scenario, channel, recorded) => ({
    scenario,
    part: 'ann',
    recorded: [recorded],
    ours: [subscriptionError(channel, 'InvalidChannel', 400)],
    reason: 'Says which subscription failed. The empty name is no name of a channel.',
});

const notUnderstood = (scenario, recorded, ours) => ({
    scenario,
    part: 'ann',
    recorded,
    ours,
    reason: 'Whoever writes a client sees that the message did nothing.',
});

const handshake = (scenario, code, recorded = 'x closed 1006') => ({
    scenario,
    part: 'ann',
    recorded: [recorded],
    ours: [error(code), `x closed ${code}`],
    reason: 'Pusher documents this code. By it pusher-js knows whether to try again.',
});

const CONNECTED = '< {"data":{"$text":{"activity_timeout":"<seconds>","socket_id":"<socket of ann>"}},"event":"pusher:connection_established"}';

const answered = (scenario, recorded, ours, reason) => ({
    scenario: `refusals.${scenario}`,
    part: 'site',
    recorded: recorded.map((line) => `< ${line}`),
    ours: ours.map((line) => `< ${line}`),
    reason,
});
const refusedRequest = (scenario, reason) => answered(scenario, ['200', '{}'], ['400', '<text>'], reason);

const clientEvent = (scenario, data, ours) => ({
    scenario: `client_events.${scenario}`,
    part: 'bob',
    recorded: [`< {"channel":"${ours.channel}","data":${data},"event":"client-typing"}`],
    ours: [`< ${JSON.stringify({ channel: ours.channel, data: { $text: JSON.parse(data) }, event: 'client-typing', ...ours.more })}`],
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
const NOT_FORGED = 'Names of the protocol\'s own events could deceive pages.';

export const DIFFERENCES = [
    refused('channels.auth_of_another_channel', 'eve', 'private-channels-others'),
    refused('channels.auth_of_another_connection', 'eve', 'private-channels-stolen'),
    refused('channels.private_channel_with_wrong_auth', 'forger', 'private-channels-wrong', ERROR_4009, true),
    refused('presence.wrong_auth', 'forger', 'presence-wrong', ERROR_4009, true),
    refused('presence.data_is_no_json', 'ann', 'presence-data-1', UNDERSTOOD_BY_NOBODY),
    refused('presence.data_without_user', 'ann', 'presence-data-2', error(4300)),
    refused('messages.subscribe_to_a_private_channel_without_auth', 'ann', 'private-messages'),
    refused('messages.subscribe_with_auth_of_no_form', 'ann', 'private-messages'),
    refused('messages.subscribe_with_auth_of_another_key', 'ann', 'private-messages'),
    refused('users.channel_of_a_user_without_signin', 'eve', '#server-to-user-eve', subscribed('#server-to-user-eve')),
    refused('users.channel_of_another_user', 'eve', '#server-to-user-ann', subscribed('#server-to-user-ann')),
    {
        scenario: 'presence.no_data',
        part: 'ann',
        recorded: ['x closed 1006'],
        ours: [subscriptionError('presence-data-0', 'AuthError', 401), subscribed('last')],
        reason: 'The connection does not break.',
    },
    {
        scenario: 'presence.no_user_info',
        part: 'ann',
        recorded: ['< {"channel":"presence-data-4","data":{"$text":{"presence":{"count":1,"hash":{"42":{}},"ids":["42"]}}},"event":"pusher_internal:subscription_succeeded"}'],
        ours: ['< {"channel":"presence-data-4","data":{"$text":{"presence":{"count":1,"hash":{"42":null},"ids":["42"]}}},"event":"pusher_internal:subscription_succeeded"}'],
        reason: 'Nothing was said of the user.',
    },
    {
        scenario: 'presence.user_is_a_number',
        part: 'ann',
        recorded: [error(4300)],
        ours: ['< {"channel":"presence-data-3","data":{"$text":{"presence":{"count":1,"hash":{"42":{"a":1}},"ids":["42"]}}},"event":"pusher_internal:subscription_succeeded"}'],
        reason: 'Sites often have numbers as ids of users. They are taken as texts.',
    },
    {
        scenario: 'users.presence_of_who_signed_in',
        part: 'ann',
        recorded: ['x closed 1006'],
        ours: [
            '< {"channel":"presence-users","data":{"$text":{"presence":{"count":2,"hash":{"ann":{"name":"Ann"},"bob":{"name":"Name of bob"}},"ids":["ann","bob"]}}},"event":"pusher_internal:subscription_succeeded"}',
            subscribed('last'),
        ],
        reason: 'Pusher takes the user of the sign-in.',
    },
    {
        scenario: 'users.presence_of_who_signed_in',
        part: 'bob',
        recorded: [],
        ours: [
            '< {"channel":"presence-users","data":{"$text":{"user_id":"ann","user_info":{"name":"Ann"}}},"event":"pusher_internal:member_added"}',
            '= presence-users pusher:member_added {"id":"ann","info":{"name":"Ann"}}',
        ],
        reason: 'As before: ann has joined.',
    },
    {
        scenario: 'users.id_is_a_number',
        part: 'ann',
        recorded: [ERROR_4009],
        ours: ['< {"data":{"$text":{"user_data":{"$text":{"id":42}}}},"event":"pusher:signin_success"}'],
        reason: 'Sites often have numbers as ids of users. They are taken as texts.',
    },
    {
        scenario: 'users.id_is_empty',
        part: 'ann',
        recorded: ['< {"data":{"$text":{"user_data":{"$text":{"id":""}}}},"event":"pusher:signin_success"}'],
        ours: [ERROR_4009],
        reason: 'Nobody has an empty id; pusher-js refuses it as well.',
    },
    ...['ann', 'ann2'].map((part) => ({
        scenario: 'users.terminate_connections',
        part,
        recorded: [ERROR_4009],
        ours: [],
        reason: 'The close says it already, with the same code.',
    })),

    handshake('connecting.unknown_key', 4001),
    handshake('connecting.page_with_unknown_key', 4001),
    handshake('connecting.no_protocol', 4008, CONNECTED),
    handshake('connecting.no_query', 4008, CONNECTED),
    handshake('connecting.unsupported_protocol', 4007, CONNECTED),
    handshake('connecting.protocol_is_no_number', 4007),

    noChannel('messages.subscribe_to_a_long_name', 'a'.repeat(201), error(4300)),
    noChannel('messages.subscribe_to_a_name_with_a_space', 'a b', error(4300)),
    noChannel('messages.subscribe_to_an_empty_name', '', subscribed('')),
    notUnderstood('messages.event_of_no_kind', [subscribed('last')], [UNDERSTOOD_BY_NOBODY, subscribed('last')]),
    notUnderstood('messages.internal_event', [subscribed('last')], [UNDERSTOOD_BY_NOBODY, subscribed('last')]),
    notUnderstood('messages.unknown_event', [subscribed('last')], [UNDERSTOOD_BY_NOBODY, subscribed('last')]),
    {
        scenario: 'messages.binary_message',
        part: 'ann',
        recorded: [`< {"data":${text({})},"event":"pusher:pong"}`],
        ours: [UNDERSTOOD_BY_NOBODY],
        reason: 'Messages are text.',
    },
    {
        scenario: 'messages.subscribe_twice',
        part: 'ann',
        recorded: [subscribed('messages-twice'), subscribed('messages-twice')],
        ours: [subscribed('messages-twice'), UNDERSTOOD_BY_NOBODY],
        reason: 'Pusher answers that the channel is subscribed already.',
    },

    clientEvent('private_channel', '{"at":3}', { channel: 'private-client-events' }),
    clientEvent('presence_channel', '{"at":3}', { channel: 'presence-client-events', more: { user_id: 'ann' } }),
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

    {
        scenario: 'publishing.data',
        part: 'ann',
        recorded: [
            '< {"channel":"publishing-data","data":"\\"a text as JSON\\"","event":"kind 1"}',
            '= publishing-data kind 1 "a text as JSON"',
            '! "\\"a text as JSON\\""',
        ],
        ours: [
            '< {"channel":"publishing-data","data":"a text as JSON","event":"kind 1"}',
            '= publishing-data kind 1 "a text as JSON"',
            '! "a text as JSON"',
        ],
        reason: 'A payload that is a text goes out bare, so that it is the same whether PHP or the HTTP API sends it.',
    },
    {
        scenario: 'queries.cache',
        part: 'site',
        recorded: ['< {"cache":{"data":{"$text":{"channel":"<cache channel>","data":{"$text":{"id":7}},"event":"order"}},"ttl":"<seconds>"},"occupied":true}'],
        ours: ['< {"cache":{"data":{"$text":{"id":7}}},"occupied":true}'],
        reason: 'The data of the event.',
    },

    refusedRequest('data_is_an_object', 'Pusher documents a string.'),
    refusedRequest('no_data', 'Pusher documents data as required.'),
    refusedRequest('empty_batch', 'Whoever sends nothing has made a mistake.'),
    refusedRequest('empty_name', 'Pages cannot bind to it.'),
    refusedRequest('forged_event_of_pusher', NOT_FORGED),
    refusedRequest('forged_internal_event', NOT_FORGED),
    refusedRequest('one_of_a_batch_is_forged', NOT_FORGED),
    refusedRequest('socket_id_of_no_form', 'Nobody would be left out, and the site would not learn why.'),
    answered('no_key', ['404'], ['401'], 'Pusher documents 401 for what is not signed by the application.'),
    answered('unknown_key', ['404'], ['401'], 'Pusher documents 401 for what is not signed by the application.'),
    answered('unknown_app', ['401'], ['404'], 'There is no such path.'),
];
