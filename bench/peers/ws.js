// A peer: Node with `ws`, which sends every message to every client. The messages are lines over TCP, or come from a
// channel of Redis: node ws.js [REDIS_PORT]. Ends with its standard input.
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

// What a subscriber receives: arrays of three, ["subscribe", CHANNEL, 1] once and ["message", CHANNEL, TEXT] from then on.
// The texts are ASCII and without line ends, so that every line but the lengths is an element.
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
            if (elements[0] === 'message') broadcast(elements[2]);
            else announce('none');
            elements = [];
        }
    });
};

const redisPort = process.argv[2];
server.on('listening', () => (redisPort === undefined ? listen() : subscribe(Number(redisPort))));
process.stdin.on('end', () => process.exit()).resume();
