// Who is refused, and how users are named.

import { ERROR_4009, UNDERSTOOD_BY_NOBODY, error, present, received, subscribed, subscriptionError } from './lines.js';

/** A subscription that is refused: pages learn of which channel. */
const refused = (scenario, part, channel, recorded = ERROR_4009, isPage = false) => ({
    scenario,
    part,
    recorded: [recorded],
    ours: [
        subscriptionError(channel, 'AuthError', 401),
        ...(isPage
            ? [`= ${channel} pusher:subscription_error {"error":"<text>","status":401,"type":"AuthError"}`]
            : []),
    ],
    reason: 'Says which subscription failed, so that error() of Echo is called. pusher:error leaves it pending.',
});

export const SUBSCRIPTIONS = [
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
        recorded: [present('presence-data-4', { 42: {} })],
        ours: [present('presence-data-4', { 42: null })],
        reason: 'Nothing was said of the user.',
    },
    {
        scenario: 'presence.user_is_a_number',
        part: 'ann',
        recorded: [error(4300)],
        ours: [present('presence-data-3', { 42: { a: 1 } })],
        reason: 'Sites often have numbers as ids of users. They are taken as texts.',
    },
    {
        scenario: 'users.presence_of_who_signed_in',
        part: 'ann',
        recorded: ['x closed 1006'],
        ours: [present('presence-users', { ann: { name: 'Ann' }, bob: { name: 'Name of bob' } }), subscribed('last')],
        reason: 'Pusher takes the user of the sign-in.',
    },
    {
        scenario: 'users.presence_of_who_signed_in',
        part: 'bob',
        recorded: [],
        ours: [
            received({
                channel: 'presence-users',
                data: { $text: { user_id: 'ann', user_info: { name: 'Ann' } } },
                event: 'pusher_internal:member_added',
            }),
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
];
