// How connections begin, are kept and end.

/** The first message. */
export const connect = async (world) => {
    await world.page('ann');
};

export const ping = async (world) => {
    const ann = await world.page('ann');
    await ann.isRead();
};

const refused = (options) => async (world) => {
    const { log } = world.raw('ann', options);
    // Some servers let everybody in.
    await log.until('an answer', () => log.closed !== undefined || log.hasGot('pusher:connection_established'));
};

export const unknown_key = refused({ key: 'no-such-key' });
export const unsupported_protocol = refused({ query: '?protocol=99&client=js&version=8.6.0' });
export const no_protocol = refused({ query: '?client=js&version=8.6.0' });
export const no_query = refused({ query: '' });
export const protocol_is_no_number = refused({ query: '?protocol=seven&client=js&version=8.6.0' });

/** pusher-js gives up for good after a refusal. */
export const page_with_unknown_key = async (world) => {
    world.site.key = 'no-such-key';
    await world.pageThatConnects('ann').isClosed();
};
