// Events from page to page: whispers of Echo.

const joined = async (world, channel) => {
    const pages = [await world.page('ann'), await world.page('bob')];
    const channels = [];
    for (const page of pages) channels.push(await page.joins(channel));
    return [...pages, ...channels];
};

const isNotEchoed = async (world, channel) => {
    const [ann, bob, ofAnn] = await joined(world, channel);
    ofAnn.trigger('client-typing', { at: 3 });
    await bob.gets('client-typing');
    await world.site.publishes(channel, 'end', {});
    await Promise.all([ann.gets('end'), bob.gets('end')]);
};

export const private_channel = (world) => isNotEchoed(world, 'private-client-events');
/** The user is named by the server. */
export const presence_channel = (world) => isNotEchoed(world, 'presence-client-events');

const refused = (channel, isSubscribed) => async (world) => {
    const bob = await world.page('bob');
    await bob.joins(channel);
    const ann = await world.rawPage('ann');
    if (isSubscribed) {
        const { auth, channel_data } = channel.startsWith('private-')
            ? world.site.authorize(ann.log.socketId, channel)
            : {};
        ann.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data } });
        await ann.gets('pusher_internal:subscription_succeeded');
    }
    ann.send({ event: 'client-typing', channel, data: {} });
    await ann.isRead();
    await world.site.publishes(channel, 'end', {});
    await Promise.all((isSubscribed ? [ann, bob] : [bob]).map((page) => page.gets('end')));
};

export const public_channel = refused('client-events-public', true);
export const not_subscribed = refused('private-client-events-foreign', false);
export const encrypted_channel = refused('private-encrypted-client-events', true);

/** Data of every kind, and a user that the client makes up. */
export const data = async (world) => {
    const [ann, bob] = [await world.rawPage('ann'), await world.page('bob')];
    const channel = 'presence-client-events-data';
    await bob.joins(channel);
    const { auth, channel_data } = world.site.authorize(ann.log.socketId, channel, 'ann');
    ann.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data } });
    await ann.gets('pusher_internal:subscription_succeeded');
    for (const data of ['a text', '{"a":1}', { a: [1, null] }, 42]) {
        ann.send({ event: 'client-data', channel, data, user_id: 'mallory' });
        await bob.gets('client-data');
    }
    ann.send({ event: 'client-none', channel });
    await bob.gets('client-none');
};

/** More than ten in a second are refused, and the connection stays. */
export const too_many = async (world) => {
    const [ann, bob, ofAnn] = await joined(world, 'private-client-events-many');
    [ann, bob].forEach(({ log }) => log.quiet());
    for (let number = 0; number < 40; number++) ofAnn.trigger('client-typing', { number });
    const { data } = await ann.gets('pusher:error');
    await ann.isRead();
    ann.log.result(`the error has code ${(typeof data === 'string' ? JSON.parse(data) : data).code}`);
};
