// What the HTTP API answers, and what comes of it.

import { received } from './lines.js';

const answered = (scenario, recorded, ours, reason) => ({
    scenario: `refusals.${scenario}`,
    part: 'site',
    recorded: recorded.map((line) => `< ${line}`),
    ours: ours.map((line) => `< ${line}`),
    reason,
});
const refusedRequest = (scenario, reason) => answered(scenario, ['200', '{}'], ['400', '<text>'], reason);

const NOT_FORGED = "Names of the protocol's own events could deceive pages.";

export const HTTP = [
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
        recorded: [
            received({
                cache: {
                    data: { $text: { channel: '<cache channel>', data: { $text: { id: 7 } }, event: 'order' } },
                    ttl: '<seconds>',
                },
                occupied: true,
            }),
        ],
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
