// Who is there: users are counted, not connections.

const CHANNEL = 'presence-room';

export const two_users = async (world) => {
    const ann = await world.page('ann');
    await ann.joins(CHANNEL);
    const bob = await world.page('bob');
    await bob.joins(CHANNEL);
    await ann.gets('pusher_internal:member_added');
    bob.pusher.unsubscribe(CHANNEL);
    await ann.gets('pusher_internal:member_removed');
};

/** Joined once and left once, though one tab leaves the channel and the other one the server. */
export const two_tabs = async (world) => {
    const bob = await world.page('bob');
    await bob.joins('presence-tabs');
    const [ann, ann2] = [await world.page('ann'), await world.page('ann2')];
    await ann.joins('presence-tabs');
    await bob.gets('pusher_internal:member_added');
    await ann2.joins('presence-tabs');
    await world.site.publishes('presence-tabs', 'both are there', {});
    await Promise.all([ann, ann2, bob].map((page) => page.gets('both are there')));
    ann.pusher.unsubscribe('presence-tabs');
    await ann.isRead();
    await world.site.publishes('presence-tabs', 'one is there', {});
    await Promise.all([ann2, bob].map((page) => page.gets('one is there')));
    ann2.end();
    await bob.gets('pusher_internal:member_removed');
};

/** Who is gone without a word has left too. */
export const connection_breaks = async (world) => {
    const [ann, bob] = [await world.page('ann'), await world.rawPage('bob')];
    await ann.joins('presence-breaks');
    const { auth, channel_data } = world.site.authorize(bob.log.socketId, 'presence-breaks', 'bob');
    bob.send({ event: 'pusher:subscribe', data: { channel: 'presence-breaks', auth, channel_data } });
    await ann.gets('pusher_internal:member_added');
    await bob.gets('pusher_internal:subscription_succeeded');
    bob.end();
    await ann.gets('pusher_internal:member_removed');
};

export const wrong_auth = async (world) => {
    const forger = await world.page('forger');
    forger.subscribe('presence-wrong');
    await forger.gets('pusher:subscription_error', 'pusher:error');
};

const signed = (channel, data) => async (world) => {
    const ann = await world.rawPage('ann');
    const signature = world.site.sign(`${ann.log.socketId}:${channel}${data === undefined ? '' : `:${data}`}`);
    const all = { channel, auth: `${world.site.key}:${signature}`, channel_data: data };
    ann.send({ event: 'pusher:subscribe', data: all });
    await ann.isDone();
};

/** The signature is right in all of these, and the data is not. */
export const no_data = signed('presence-data-0', undefined);
export const data_is_no_json = signed('presence-data-1', 'no json');
export const data_without_user = signed('presence-data-2', '{"user_info":{}}');
export const user_is_a_number = signed('presence-data-3', '{"user_id":42,"user_info":{"a":1}}');
export const no_user_info = signed('presence-data-4', '{"user_id":"42"}');
/** What is signed is the text, not what it means. */
export const data_with_spaces = signed('presence-data-5', '{ "user_id" : "42",  "user_info": {"é": "\\u00e9"} }');
