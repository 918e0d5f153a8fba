// What the HTTP API says of channels.

const get = (world, path, query = {}) =>
    world.site.requests(`GET ${path} ${JSON.stringify(query)}`, { method: 'GET', path, query });

/** Two users, one of them with two tabs, and a public channel with one of them. A scenario has channels of its own. */
const people = async (world, name) => {
    const pages = [await world.page('ann'), await world.page('ann2'), await world.page('bob')];
    for (const page of pages) await page.joins(`presence-${name}`);
    await pages[0].joins(`public-${name}`);
};

export const channels = async (world) => {
    await people(world, 'listed');
    await get(world, '/channels', { filter_by_prefix: 'public-listed' });
    await get(world, '/channels', { filter_by_prefix: 'presence-listed' });
    await get(world, '/channels', { filter_by_prefix: 'presence-listed', info: 'user_count' });
    await get(world, '/channels', { filter_by_prefix: 'no-such-' });
};

export const one_channel = async (world) => {
    await people(world, 'asked');
    await get(world, '/channels/public-asked');
    await get(world, '/channels/public-asked', { info: 'subscription_count' });
    await get(world, '/channels/presence-asked', { info: 'user_count' });
    await get(world, '/channels/presence-asked', { info: 'user_count,subscription_count' });
    await get(world, '/channels/no-such-channel');
    await get(world, '/channels/presence-nobody', { info: 'user_count' });
};

export const users = async (world) => {
    await people(world, 'users');
    await get(world, '/channels/presence-users/users');
    await get(world, '/channels/presence-nobody/users');
};

export const cache = async (world) => {
    const name = `cache-queries-${Date.now()}`;
    world.rename(name, 'cache channel');
    const ann = await world.page('ann');
    await ann.joins(name);
    await ann.gets('pusher:cache_miss');
    await world.site.publishes(name, 'order', { id: 7 });
    await ann.gets('order');
    await get(world, `/channels/${name}`, { info: 'cache' });
};

/** With Pusher's library. */
export const by_the_library = async (world) => {
    await people(world, 'library');
    await world.site.calls('get', {
        path: '/channels',
        params: { filter_by_prefix: 'presence-library', info: 'user_count' },
    });
    await world.site.calls('get', { path: '/channels/presence-library/users' });
};
