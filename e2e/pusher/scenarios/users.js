// Signing in, and what is for a user.

export const signin = async (world) => {
    const ann = await world.page('ann');
    await ann.signsIn();
};

export const signin_with_wrong_auth = async (world) => {
    const forger = await world.page('forger');
    forger.pusher.signin();
    await forger.gets('pusher:error');
    await forger.isDone();
};

/** Every tab of the user gets it, and nobody else. */
export const to_a_user = async (world) => {
    const pages = [await world.page('ann'), await world.page('ann2'), await world.page('bob')];
    for (const page of pages) await page.signsIn();
    await world.site.calls('sendToUser', 'ann', 'notice', { text: 'Hello' });
    await Promise.all(pages.slice(0, 2).map((page) => page.gets('notice')));
    await world.site.calls('sendToUser', 'bob', 'end', {});
    await pages[2].gets('end');
};

/** The channel of another user, with a signature or without. */
export const channel_of_another_user = async (world) => {
    const eve = await world.rawPage('eve');
    const user_data = '{"id":"eve"}';
    const auth = `${world.site.key}:${world.site.sign(`${eve.log.socketId}::user::${user_data}`)}`;
    eve.send({ event: 'pusher:signin', data: { auth, user_data } });
    await eve.gets('pusher:signin_success');
    eve.send({ event: 'pusher:subscribe', data: { channel: '#server-to-user-ann', auth: '' } });
    await eve.isRead();
    await world.site.calls('sendToUser', 'ann', 'secret', {});
    await eve.isRead();
};

export const channel_of_a_user_without_signin = async (world) => {
    const eve = await world.rawPage('eve');
    eve.send({ event: 'pusher:subscribe', data: { channel: '#server-to-user-eve', auth: '' } });
    await eve.isRead();
};

/** All of the user's connections end, and no others. */
export const terminate_connections = async (world) => {
    const pages = [await world.page('ann'), await world.page('ann2'), await world.page('bob')];
    for (const page of pages) await page.signsIn();
    await world.site.calls('terminateUserConnections', 'ann');
    await Promise.all(pages.slice(0, 2).map((page) => page.isClosed()));
    await pages[2].isRead();
};

export const terminate_nobody = async (world) => {
    await world.site.calls('terminateUserConnections', 'nobody');
};

/** Whoever has signed in needs no data for a presence channel. */
export const presence_of_who_signed_in = async (world) => {
    const [ann, bob] = [await world.rawPage('ann'), await world.page('bob')];
    await bob.joins('presence-users');
    const user_data = '{"id":"ann","user_info":{"name":"Ann"}}';
    const auth = `${world.site.key}:${world.site.sign(`${ann.log.socketId}::user::${user_data}`)}`;
    ann.send({ event: 'pusher:signin', data: { auth, user_data } });
    await ann.gets('pusher:signin_success');
    const signature = world.site.sign(`${ann.log.socketId}:presence-users`);
    ann.send({
        event: 'pusher:subscribe',
        data: { channel: 'presence-users', auth: `${world.site.key}:${signature}` },
    });
    await ann.isDone();
    if (ann.log.closed === undefined) await bob.gets('pusher_internal:member_added');
};

const signed = (user_data) => async (world) => {
    const ann = await world.rawPage('ann');
    const auth = `${world.site.key}:${world.site.sign(`${ann.log.socketId}::user::${user_data}`)}`;
    ann.send({ event: 'pusher:signin', data: { auth, user_data } });
    await ann.isDone();
};

/** The signature is right in all of these, and the data is not. */
export const data_is_no_json = signed('no json');
export const data_without_id = signed('{"name":"Ann"}');
export const id_is_empty = signed('{"id":""}');
export const id_is_a_number = signed('{"id":42}');
