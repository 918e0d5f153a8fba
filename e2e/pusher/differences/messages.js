// Messages that are not understood.

import { UNDERSTOOD_BY_NOBODY, error, subscribed, subscriptionError, text } from './lines.js';

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

export const MESSAGES = [
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
];
