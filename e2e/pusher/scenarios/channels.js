// Subscribing, events and leaving.

export const public_channel = async (world) => {
    const ann = await world.page('ann');
    await ann.joins('channels-public');
    await world.site.publishes('channels-public', 'order', { id: 7, name: 'é ☕', price: 1.5, of: null });
    await ann.gets('order');
};

export const private_channel = async (world) => {
    const ann = await world.page('ann');
    await ann.joins('private-channels');
    await world.site.publishes('private-channels', 'order', { id: 7 });
    await ann.gets('order');
};

/** What Echo's error() is called with. */
export const private_channel_with_wrong_auth = async (world) => {
    const forger = await world.page('forger');
    forger.subscribe('private-channels-wrong');
    await forger.gets('pusher:subscription_error', 'pusher:error');
    await world.site.publishes('private-channels-wrong', 'secret', {});
    await forger.isRead();
};

/** The signature of one connection does not count on another one. */
export const auth_of_another_connection = async (world) => {
    const [ann, eve] = [await world.rawPage('ann'), await world.rawPage('eve')];
    const channel = 'private-channels-stolen';
    const { auth } = world.site.authorize(ann.log.socketId, channel);
    eve.send({ event: 'pusher:subscribe', data: { channel, auth } });
    await eve.gets('pusher:subscription_error', 'pusher:error');
};

export const auth_of_another_channel = async (world) => {
    const eve = await world.rawPage('eve');
    const { auth } = world.site.authorize(eve.log.socketId, 'private-channels-hers');
    eve.send({ event: 'pusher:subscribe', data: { channel: 'private-channels-others', auth } });
    await eve.gets('pusher:subscription_error', 'pusher:error');
};

/** After it nothing comes, and pusher-js may subscribe again. */
export const unsubscribe = async (world) => {
    const [ann, bob] = [await world.page('ann'), await world.page('bob')];
    await ann.joins('channels-left');
    await bob.joins('channels-left');
    ann.pusher.unsubscribe('channels-left');
    await ann.isRead();
    await world.site.publishes('channels-left', 'missed', {});
    await bob.gets('missed');
    await ann.joins('channels-left');
    await world.site.publishes('channels-left', 'end', {});
    await Promise.all([ann.gets('end'), bob.gets('end')]);
};

/** What is encrypted by the site is read by the page alone. */
export const encrypted_channel = async (world) => {
    const ann = await world.page('ann');
    await ann.joins('private-encrypted-channels');
    await world.site.publishes('private-encrypted-channels', 'order', { id: 7 });
    await ann.gets('order');
};

/** The last event is kept for whoever comes later. */
export const cache_channel = async (world) => {
    const [ann, bob] = [await world.page('ann'), await world.page('bob')];
    const name = `cache-channels-${Date.now()}`;
    world.rename(name, 'cache channel');
    await ann.joins(name);
    await ann.gets('pusher:cache_miss');
    await world.site.publishes(name, 'first', { id: 1 });
    await world.site.publishes(name, 'second', { id: 2 });
    await ann.gets('second');
    await bob.joins(name);
    await bob.gets('second');
};

export const private_cache_channel = async (world) => {
    const [ann, bob] = [await world.page('ann'), await world.page('bob')];
    const name = `private-cache-channels-${Date.now()}`;
    world.rename(name, 'cache channel');
    await ann.joins(name);
    await ann.gets('pusher:cache_miss');
    await world.site.publishes(name, 'first', { id: 1 });
    await ann.gets('first');
    await bob.joins(name);
    await bob.gets('first');
};
