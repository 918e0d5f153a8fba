// Lines of transcripts that differences are made of.

export const text = (value) => JSON.stringify({ $text: value });

export const ERROR_4009 = '< {"data":{"code":4009,"message":"<text>"},"event":"pusher:error"}';
export const UNDERSTOOD_BY_NOBODY = '< {"data":{"code":null,"message":"<text>"},"event":"pusher:error"}';
export const error = (code) => `< {"data":{"code":${code},"message":"<text>"},"event":"pusher:error"}`;
export const subscribed = (channel) =>
    `< {"channel":"${channel}","data":{"$text":{}},"event":"pusher_internal:subscription_succeeded"}`;
export const subscriptionError = (channel, type, status) =>
    `< {"channel":"${channel}","data":${text({ error: '<text>', status, type })},"event":"pusher:subscription_error"}`;

/** A message that was received. Its keys have to be sorted. */
export const received = (value) => `< ${JSON.stringify(value)}`;

/** What a client gets that has joined a presence channel. Users are in the order of their ids. */
export const present = (channel, hash) => {
    const presence = { count: Object.keys(hash).length, hash, ids: Object.keys(hash) };
    const event = 'pusher_internal:subscription_succeeded';
    return received({ channel, data: { $text: { presence } }, event });
};
