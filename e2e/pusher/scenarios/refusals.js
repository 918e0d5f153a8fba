// Requests that the HTTP API refuses.

const BODY = { name: 'order', channels: ['refusals'], data: '{}' };

const request = (options) => (world) => world.site.requests('request', { body: BODY, ...options });
const changed = (change) => request({ change });
const query = (more) => changed((all) => ({ ...all, query: { ...all.query, ...more } }));
const without = (name) => changed(({ query: { [name]: _, ...query }, ...all }) => ({ ...all, query }));
const body = (body) => request({ body });
const MINUTE = 60_000;

export const wrong_signature = query({ auth_signature: '0'.repeat(64) });
export const signature_of_no_form = query({ auth_signature: 'x' });
export const no_signature = without('auth_signature');
export const unknown_key = query({ auth_key: 'no-such-key' });
export const no_key = without('auth_key');
export const other_version = query({ auth_version: '2.0' });
export const unsigned_parameter = query({ extra: '1' });
export const old_timestamp = (world) => request({ at: Date.now() - 11 * MINUTE })(world);
export const future_timestamp = (world) => request({ at: Date.now() + 11 * MINUTE })(world);
export const timestamp_within_bounds = (world) => request({ at: Date.now() - 9 * MINUTE })(world);
export const no_timestamp = without('auth_timestamp');
export const changed_body = changed((all) => ({ ...all, text: all.text.replace('order', 'other') }));
export const changed_path = changed((all) => ({ ...all, target: all.target.replace('/events', '/batch_events') }));
export const no_body_md5 = without('body_md5');
export const unknown_app = request({ app: 'no-such-app' });
export const unknown_path = request({ path: '/no-such-path' });
export const wrong_method = request({ method: 'PUT' });

export const ten_megabytes = (world) => body({ ...BODY, data: 'x'.repeat(10 << 20) })(world);
export const no_json = body('{ no json');
export const json_of_another_kind = body('[]');
export const empty_body = body('');
export const no_name = body({ channels: ['refusals'], data: '{}' });
export const empty_name = body({ ...BODY, name: '' });
export const long_name = body({ ...BODY, name: 'x'.repeat(201) });
export const no_data = body({ name: 'order', channels: ['refusals'] });
export const data_is_an_object = body({ ...BODY, data: { a: 1 } });
export const no_channel = body({ name: 'order', data: '{}' });
export const empty_list_of_channels = body({ ...BODY, channels: [] });
export const channels_is_a_text = body({ ...BODY, channels: 'refusals' });
export const hundred_and_one_channels = body({
    ...BODY,
    channels: Array.from({ length: 101 }, (_, number) => `refusals-${number}`),
});
export const channel_with_a_space = body({ ...BODY, channels: ['a b'] });
export const channel_with_a_slash = body({ ...BODY, channels: ['a/b'] });
export const channel_with_a_colon = body({ ...BODY, channels: ['a:b'] });
export const long_channel = body({ ...BODY, channels: ['x'.repeat(201)] });
export const forged_event_of_pusher = body({ ...BODY, name: 'pusher:error' });
export const forged_internal_event = body({ ...BODY, name: 'pusher_internal:member_removed' });
export const socket_id_of_no_form = body({ ...BODY, socket_id: 'ann' });
export const counts_of_users_where_none_are_counted = body({ ...BODY, info: 'user_count' });

const batch = (events) => request({ path: '/batch_events', body: { batch: events } });
const EVENT = { name: 'order', channel: 'refusals', data: '{}' };

export const eleven_in_a_batch = batch(Array(11).fill(EVENT));
export const ten_in_a_batch = batch(Array(10).fill(EVENT));
export const empty_batch = batch([]);
export const no_batch = request({ path: '/batch_events', body: {} });
export const one_of_a_batch_is_wrong = batch([EVENT, { ...EVENT, channel: 'a b' }]);
export const one_of_a_batch_is_forged = batch([EVENT, { ...EVENT, name: 'pusher:error' }]);

const get = (path, options) => (world) => world.site.requests(`GET ${path}`, { method: 'GET', path, ...options });

export const get_with_wrong_signature = get('/channels', {
    change: (all) => ({ ...all, query: { ...all.query, auth_signature: '0'.repeat(64) } }),
});
/** A public channel is among those that are asked for. */
export const counts_of_users_without_prefix = async (world) => {
    await (await world.page('ann')).joins('refusals-occupied');
    await get('/channels', { query: { info: 'user_count' } })(world);
};
export const counts_of_users_of_a_public_channel = get('/channels/refusals', { query: { info: 'user_count' } });
export const users_of_a_public_channel = get('/channels/refusals/users');
export const channel_of_no_name = get('/channels/a%20b');
