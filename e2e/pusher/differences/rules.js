// What our server says otherwise in every scenario, line by line, with the reasons.

import { text } from './lines.js';

export const RULES = [
    {
        recorded: '< {"ok":true}',
        ours: '< {}',
        reason: 'Pusher documents an empty object.',
    },
    {
        recorded: '< {"event":"pusher:pong"}',
        ours: `< {"data":${text({})},"event":"pusher:pong"}`,
        reason: 'Messages of the server have data, as a string: some libraries expect it.',
    },
    {
        recorded: /^< \{"data":(\{"user_data":.*\}),"event":"pusher:signin_success"\}$/,
        ours: '< {"data":{"$text":$1},"event":"pusher:signin_success"}',
        reason: 'Data is a string that holds JSON, as in all other messages of the protocol.',
    },
    {
        recorded: /^< \{"channel":"([^"]*)","data":\{"\$text":\{\}\},"event":"pusher:cache_miss"\}$/,
        ours: '< {"channel":"$1","event":"pusher:cache_miss"}',
        reason: 'Pusher documents it without data.',
    },
    {
        recorded: /^= (.*) pusher:cache_miss \{\}$/,
        ours: '= $1 pusher:cache_miss null',
        reason: 'As before: the page gets nothing with it.',
    },
    {
        recorded: /"acknowledgement_id":"<id>",?/g,
        ours: '',
        reason: 'That is no part of the protocol.',
    },
    {
        recorded: '< {"data":{"code":4000,"message":"<text>"},"event":"pusher:error"}',
        ours: '< {"data":{"code":null,"message":"<text>"},"event":"pusher:error"}',
        reason: '4000 means that TLS is required. Pusher has no code for a message that is not understood.',
    },
    {
        recorded: '< 422',
        ours: '< 400',
        reason: 'Pusher documents 400 for every request that is wrong.',
    },
];
