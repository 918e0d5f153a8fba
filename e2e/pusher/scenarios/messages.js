// Messages that pusher-js does not send. After each the connection must still answer, or be closed with a code.

const said =
    (...messages) =>
    async (world) => {
        const ann = await world.rawPage('ann');
        for (const message of messages) ann.send(message);
        await ann.isDone();
    };

const subscribe = (data) => said({ event: 'pusher:subscribe', data });

export const invalid_json = said('{ no json');
export const empty_text = said('');
export const json_of_another_kind = said('[1, 2]', '"text"', '42', 'null');
export const binary_message = said(Buffer.from('{"event":"pusher:ping","data":{}}'));
export const no_event = said({ data: {} });
export const event_is_a_number = said({ event: 7, data: {} });
export const unknown_event = said({ event: 'pusher:no-such-event', data: {} });
export const event_of_no_kind = said({ event: 'order', channel: 'messages', data: {} });
export const internal_event = said({
    event: 'pusher_internal:member_added',
    channel: 'presence-a',
    data: { user_id: 'x' },
});
export const ping_without_data = said({ event: 'pusher:ping' });
export const ping_with_data_as_text = said({ event: 'pusher:ping', data: '{}' });
export const pong_unasked = said({ event: 'pusher:pong', data: {} });
export const subscribe_without_data = said({ event: 'pusher:subscribe' });
export const subscribe_with_data_as_text = subscribe('{"channel":"messages"}');
export const subscribe_without_channel = subscribe({});
export const subscribe_to_a_number = subscribe({ channel: 7 });
export const subscribe_to_an_empty_name = subscribe({ channel: '' });
export const subscribe_to_a_name_with_a_space = subscribe({ channel: 'a b' });
export const subscribe_to_a_long_name = subscribe({ channel: 'a'.repeat(201) });
export const subscribe_to_a_private_channel_without_auth = subscribe({ channel: 'private-messages' });
export const subscribe_with_auth_of_no_form = subscribe({ channel: 'private-messages', auth: 'nothing' });
export const subscribe_with_auth_of_another_key = subscribe({
    channel: 'private-messages',
    auth: `other-key:${'0'.repeat(64)}`,
});
export const unsubscribe_without_data = said({ event: 'pusher:unsubscribe' });
export const unsubscribe_what_is_not_subscribed = said({ event: 'pusher:unsubscribe', data: { channel: 'messages' } });
export const subscribe_twice = said(
    { event: 'pusher:subscribe', data: { channel: 'messages-twice' } },
    { event: 'pusher:subscribe', data: { channel: 'messages-twice' } },
);
export const signin_without_data = said({ event: 'pusher:signin' });
export const signin_with_auth_of_no_form = said({
    event: 'pusher:signin',
    data: { auth: 'nothing', user_data: '{"id":"ann"}' },
});
