// A peer: Node with `ws`, which speaks as much of the Pusher protocol as the loads need: public and presence channels,
// and signed requests that publish. Its own data, because nothing else is needed: the application is that of
// `bench/src/pusher.rs`. Ends with its standard input.
'use strict';

const { createHash, createHmac, timingSafeEqual } = require('node:crypto');
const http = require('node:http');
const { WebSocketServer } = require('ws');

const LOOPBACK = '127.0.0.1';
const [APP, KEY, SECRET] = ['bench', 'bench-key', 'bench-secret'];

// Channels by name: the clients of each, and the connections of each user in a presence channel.
const channels = new Map();
let connections = 0;

const frame = (event, data, channel) => JSON.stringify({ event, channel, data: JSON.stringify(data) });
const sign = (text) => createHmac('sha256', SECRET).update(text).digest('hex');
const isSigned = (text, signature) => {
    const [wanted, given] = [sign(text), String(signature)].map((hex) => Buffer.from(hex));
    return wanted.length === given.length && timingSafeEqual(wanted, given);
};

const sendToAll = ({ clients }, text, except) => clients.forEach((client) => client !== except && client.send(text));

const subscribe = (client, { channel: name, auth, channel_data: data }) => {
    const isPresence = name.startsWith('presence-');
    if (isPresence && !isSigned(`${client.id}:${name}:${data}`, String(auth).slice(KEY.length + 1))) {
        client.send(frame('pusher:subscription_error', { type: 'AuthError', status: 401 }, name));
        return;
    }
    const channel = channels.get(name) ?? { clients: new Set(), members: new Map() };
    channels.set(name, channel);
    if (isPresence) join(client, name, channel, JSON.parse(data));
    else client.send(frame('pusher_internal:subscription_succeeded', {}, name));
    channel.clients.add(client);
    client.channels.set(name, channel);
};

const join = (client, name, channel, { user_id: id, user_info: info }) => {
    const { members } = channel;
    const member = members.get(id);
    if (member === undefined) {
        sendToAll(channel, frame('pusher_internal:member_added', { user_id: id, user_info: info }, name));
        members.set(id, { info, tabs: 1 });
    } else {
        member.tabs += 1;
    }
    client.users.set(name, id);
    const hash = Object.fromEntries([...members].map(([user, { info }]) => [user, info]));
    const presence = { ids: [...members.keys()], hash, count: members.size };
    client.send(frame('pusher_internal:subscription_succeeded', { presence }, name));
};

const leave = (client, name) => {
    const channel = client.channels.get(name);
    if (channel === undefined) return;
    channel.clients.delete(client);
    client.channels.delete(name);
    const id = client.users.get(name);
    if (id !== undefined) {
        client.users.delete(name);
        const member = channel.members.get(id);
        member.tabs -= 1;
        if (member.tabs === 0) {
            channel.members.delete(id);
            sendToAll(channel, frame('pusher_internal:member_removed', { user_id: id }, name));
        }
    }
    if (channel.clients.size === 0) channels.delete(name);
};

const onMessage = (client, { event, data }) => {
    if (event === 'pusher:ping') client.send(frame('pusher:pong', {}));
    else if (event === 'pusher:subscribe') subscribe(client, data);
    else if (event === 'pusher:unsubscribe') leave(client, data.channel);
};

const publish = ({ name, channel, channels: several = [channel], data, socket_id: except }) => {
    for (const name_ of several) {
        const there = channels.get(name_);
        if (there === undefined) continue;
        const text = JSON.stringify({ event: name, channel: name_, data });
        there.clients.forEach((client) => client.id !== except && client.send(text));
    }
};

const PATHS = {
    [`/apps/${APP}/events`]: publish,
    [`/apps/${APP}/batch_events`]: ({ batch }) => batch.forEach(publish),
};

const isGenuine = (request, path, query, body) => {
    const signature = query.get('auth_signature');
    query.delete('auth_signature');
    const signed = [...query]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => `${key}=${value}`)
        .join('&');
    return (
        query.get('auth_key') === KEY &&
        Math.abs(Date.now() / 1000 - query.get('auth_timestamp')) < 600 &&
        query.get('body_md5') === createHash('md5').update(body).digest('hex') &&
        isSigned(`${request.method}\n${path}\n${signed}`, signature)
    );
};

const web = http.createServer((request, response) => {
    const parts = [];
    request
        .on('data', (part) => parts.push(part))
        .on('end', () => {
            const { pathname, searchParams } = new URL(request.url, 'http://bench');
            const body = Buffer.concat(parts);
            const answer = (status, text) =>
                response
                    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length })
                    .end(text);
            if (PATHS[pathname] === undefined) return answer(404, 'no such path');
            if (!isGenuine(request, pathname, searchParams, body)) return answer(401, 'not signed');
            PATHS[pathname](JSON.parse(body));
            answer(200, '{}');
        });
});

const server = new WebSocketServer({ server: web, perMessageDeflate: false });
server.on('connection', (client) => {
    connections += 1;
    Object.assign(client, { id: `1.${connections}`, channels: new Map(), users: new Map() });
    client.on('message', (text) => onMessage(client, JSON.parse(text)));
    client.on('close', () => [...client.channels.keys()].forEach((name) => leave(client, name)));
    client.send(frame('pusher:connection_established', { socket_id: client.id, activity_timeout: 120 }));
});
web.listen({ host: LOOPBACK, port: 0, backlog: 4096 }, () => {
    const address = `${LOOPBACK}:${web.address().port}`;
    console.log(`clients ${address}`);
    console.log(`feed ${address}`);
});
process.stdin.on('end', () => process.exit()).resume();
