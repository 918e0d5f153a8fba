// A peer: Node with `ws`, which sends every message to every client. The messages are lines over TCP, or come from a
// channel of Redis: node ws.js [REDIS_PORT]. With Redis, a client that names channels (/?channel=A&channel=B) gets the
// messages of those alone, and a welcome when it has subscribed them. Ends with its standard input.
'use strict';

const net = require('node:net');
const { WebSocketServer } = require('ws');

const LOOPBACK = '127.0.0.1';
const CHANNEL = 'bench';

const server = new WebSocketServer({ host: LOOPBACK, port: 0, backlog: 4096, perMessageDeflate: false });

// As in the documentation of `ws`.
const broadcast = (text) => server.clients.forEach((client) => client.send(text));

const announce = (feed) => {
    console.log(`clients ${LOOPBACK}:${server.address().port}`);
    console.log(`feed ${feed}`);
};

const listen = () => {
    const feed = net.createServer((connection) => {
        let rest = '';
        connection.setEncoding('latin1').on('data', (data) => {
            const lines = (rest + data).split('\n');
            rest = lines.pop();
            lines.forEach(broadcast);
        });
    });
    feed.listen(0, LOOPBACK, () => announce(`${LOOPBACK}:${feed.address().port}`));
};

// Clients by channel, and those that wait until Redis has confirmed the subscription of a channel.
const subscribers = new Map();
const waiting = new Map();

const welcome = (client, channels) => client.send(JSON.stringify({ type: 'welcome', channels }));

// A channel is subscribed at Redis for its first client.
const join = async (redis, client, channels) => {
    await Promise.all(
        channels.map((channel) => {
            const there = subscribers.get(channel);
            if (there === undefined) {
                subscribers.set(channel, new Set([client]));
                redis.write(`SUBSCRIBE ${channel}\r\n`);
                waiting.set(channel, []);
            } else {
                there.add(client);
            }
            const others = waiting.get(channel);
            return others && new Promise((resolve) => others.push(resolve));
        }),
    );
    welcome(client, channels);
};

const leave = (redis, client, channels) =>
    channels.forEach((channel) => {
        const there = subscribers.get(channel);
        there.delete(client);
        if (there.size === 0) {
            subscribers.delete(channel);
            redis.write(`UNSUBSCRIBE ${channel}\r\n`);
        }
    });

// What a subscriber receives: arrays of three, ["subscribe", CHANNEL, 1] once and ["message", CHANNEL, TEXT] from then on.
// The texts are ASCII and without line ends, so that every line but the lengths is an element.
const onArray = ([kind, channel, text]) => {
    if (kind === 'message') {
        if (channel === CHANNEL) broadcast(text);
        else subscribers.get(channel)?.forEach((client) => client.send(text));
    } else if (kind === 'subscribe') {
        if (channel === CHANNEL) announce('none');
        waiting.get(channel)?.forEach((resolve) => resolve());
        waiting.delete(channel);
    }
};

const subscribe = (port) => {
    const redis = net.connect(port, LOOPBACK, () => redis.write(`SUBSCRIBE ${CHANNEL}\r\n`));
    let rest = '';
    let elements = [];
    redis.setEncoding('latin1').on('data', (data) => {
        const lines = (rest + data).split('\r\n');
        rest = lines.pop();
        for (const line of lines) {
            if (line[0] === '*' || line[0] === '$') continue;
            elements.push(line);
            if (elements.length < 3) continue;
            onArray(elements);
            elements = [];
        }
    });
    server.on('connection', (client, request) => {
        const channels = new URL(request.url, 'http://bench').searchParams.getAll('channel');
        if (channels.length === 0) return;
        client.on('close', () => leave(redis, client, channels));
        join(redis, client, channels);
    });
};

const redisPort = process.argv[2];
server.on('listening', () => (redisPort === undefined ? listen() : subscribe(Number(redisPort))));
process.stdin.on('end', () => process.exit()).resume();
