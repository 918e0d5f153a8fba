// A server that says what a test tells it to. Each connection is a `Peer` that the test takes with `next()`.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';

import { Queue, within } from './queue.js';

export class Script {
    #http = createServer((request, response) => this.#stream(request, response));
    #websocket = new WebSocketServer({ noServer: true });
    #peers = new Queue('a connection');
    #open = new Set();
    /** What a WebSocket gets as a proxy that refuses upgrades would answer, a status, or undefined. */
    refuseUpgrade;
    /** How many were refused so. */
    refused = 0;
    #onRefused = () => {};

    static async start() {
        const script = new Script();
        script.#http.on('upgrade', (request, socket, head) => {
            if (script.refuseUpgrade) {
                script.refused++;
                script.#onRefused();
                return socket.end(`HTTP/1.1 ${script.refuseUpgrade} No\r\nConnection: close\r\n\r\n`);
            }
            script.#websocket.handleUpgrade(request, socket, head, (client) => script.#add(new WebSocketPeer(request, client)));
        });
        script.#http.listen(0, '127.0.0.1');
        await once(script.#http, 'listening');
        return script;
    }

    get url() {
        return `ws://127.0.0.1:${this.#http.address().port}/ws`;
    }

    /** The next connection. */
    next() {
        return this.#peers.take();
    }

    /** Waits until so many upgrades were refused. */
    async hasRefused(count) {
        await within(`refusal ${count}`, new Promise((resolve) => {
            this.#onRefused = () => this.refused >= count && resolve();
            this.#onRefused();
        }));
    }

    async stop() {
        for (const peer of this.#open) peer.drop();
        const closed = once(this.#http, 'close');
        this.#http.close();
        this.#http.closeAllConnections();
        await closed;
    }

    #stream(request, response) {
        this.#add(new StreamPeer(request, response));
    }

    #add(peer) {
        this.#open.add(peer);
        this.#peers.put(peer);
    }
}

class Peer {
    constructor({ url, headers }) {
        this.params = new URL(url, 'http://x').searchParams;
        this.headers = headers;
    }

    /** The position in the URL. */
    get after() {
        return this.params.get('after') ?? undefined;
    }
}

class WebSocketPeer extends Peer {
    kind = 'websocket';
    #client;
    #commands = new Queue('a command');

    constructor(request, client) {
        super(request);
        this.#client = client;
        client.on('message', (data) => this.#commands.put(JSON.parse(data)));
        this.closed = once(client, 'close').then(([code]) => code);
    }

    /** The next command of the client. */
    command() {
        return this.#commands.take();
    }

    say(message) {
        this.#client.send(typeof message === 'string' ? message : JSON.stringify(message));
    }

    close(code, reason) {
        this.#client.close(code, reason);
    }

    drop() {
        this.#client.terminate();
    }
}

class StreamPeer extends Peer {
    kind = 'sse';
    #response;

    constructor(request, response) {
        super(request);
        this.#response = response;
        this.closed = once(response, 'close');
    }

    answer(status, headers = {}) {
        this.#response.writeHead(status, headers).end();
    }

    open() {
        this.#response.writeHead(200, { 'content-type': 'text/event-stream' });
    }

    write(text) {
        this.#response.write(text);
    }

    /** A block of the stream, of lines. */
    say(...lines) {
        this.write(`${lines.join('\n')}\n\n`);
    }

    end() {
        this.#response.end();
    }

    drop() {
        this.#response.destroy();
    }
}
