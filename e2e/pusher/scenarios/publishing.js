// Events over HTTP.

const joined = async (world, ...channels) => {
    const [ann, bob] = [await world.page('ann'), await world.page('bob')];
    for (const channel of channels) {
        await ann.joins(channel);
        await bob.joins(channel);
    }
    return [ann, bob];
};

const all = (pages, event) => Promise.all(pages.map((page) => page.gets(event)));

/** A page that is in several of them gets one message for each. */
export const to_several_channels = async (world) => {
    const pages = await joined(world, 'publishing-a', 'publishing-b');
    await world.site.publishes(['publishing-a', 'publishing-b', 'publishing-c'], 'order', { id: 7 });
    await all(pages, 'order');
    await all(pages, 'order');
};

/** toOthers() of Laravel. */
export const except_one_socket = async (world) => {
    const pages = await joined(world, 'publishing-others');
    const socket_id = pages[0].log.socketId;
    await world.site.publishes('publishing-others', 'order', { id: 7 }, { socket_id });
    await pages[1].gets('order');
    await world.site.publishes('publishing-others', 'end', {});
    await all(pages, 'end');
};

export const batch = async (world) => {
    const pages = await joined(world, 'publishing-batch-a', 'publishing-batch-b');
    const socket_id = pages[1].log.socketId;
    await world.site.calls('triggerBatch', [
        { channel: 'publishing-batch-a', name: 'one', data: { id: 1 } },
        { channel: 'publishing-batch-b', name: 'two', data: { id: 2 }, socket_id },
        { channel: 'publishing-batch-a', name: 'three', data: { id: 3 } },
    ]);
    await all(pages, 'three');
};

/** Every kind of data that a site can send: what a page gets is the same text. */
export const data = async (world) => {
    const ann = await world.page('ann');
    await ann.joins('publishing-data');
    const kinds = [
        'a text',
        '"a text as JSON"',
        '',
        '42',
        'null',
        '[1,2]',
        '{"b":1,"a":{"c":[ ]}}',
        '{ no json',
        'é ☕ \u0000 \u2028 "',
    ];
    for (const [number, kind] of kinds.entries()) {
        const body = { name: `kind ${number}`, channels: ['publishing-data'], data: kind };
        await world.site.requests(`data ${JSON.stringify(kind)}`, { body });
        const got = await ann.gets(`kind ${number}`);
        ann.log.result(JSON.stringify(got.data));
    }
};

/** As the first libraries did it. */
export const channel_by_its_own = async (world) => {
    const ann = await world.page('ann');
    await ann.joins('publishing-one');
    await world.site.requests('channel', { body: { name: 'order', channel: 'publishing-one', data: '{}' } });
    await ann.gets('order');
};

export const asks_for_counts = async (world) => {
    const [ann, ann2] = [await world.page('ann'), await world.page('ann2')];
    await ann.joins('presence-publishing');
    await ann2.joins('presence-publishing');
    await ann.joins('publishing-counted');
    const info = 'user_count,subscription_count';
    await world.site.publishes(['presence-publishing', 'publishing-counted'], 'first', {}, { info });
    await world.site.calls('triggerBatch', [
        { channel: 'presence-publishing', name: 'second', data: {}, info },
        { channel: 'publishing-counted', name: 'third', data: {} },
    ]);
    await Promise.all([ann.gets('third'), ann2.gets('second')]);
};

/** To a channel where nobody is. */
export const to_nobody = async (world) => {
    await world.site.publishes('publishing-nobody', 'order', {});
};
