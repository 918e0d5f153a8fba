// A model of the server with its history, inside this process: an order of events, of which the oldest are not kept, and
// connections whose messages wait until a test lets them through. Speaks WebSocket (native) and SSE.

/** What the tests need of the truth is beside the ids, which are opaque for the client. */
export class ModelServer {
    /** Events in their order; the number of an event is its index + 1. */
    order = [];
    connections = new Set();
    isWebSocketBlocked = false;
    #epoch = 0;
    #floor = 0;     // events up to this number are not in the history
    #numbers = new Map();

    /** `onAsk(channels, number)`: a client asks to go on after that number; null for what is unknown. */
    constructor(tokenChannels, onAsk) {
        this.tokenChannels = tokenChannels;
        this.onAsk = onAsk;
        const server = this;
        this.WebSocket = class {
            constructor(url) { server.#connect(new Connection(server, url, this)); }
        };
        this.fetch = (url, { signal }) => this.#fetch(url, signal);
    }

    get head() {
        return this.order.length;
    }

    id(number) {
        const id = `${this.#epoch}-${number}`;
        this.#numbers.set(id, number);
        return id;
    }

    number(id) {
        return this.#numbers.get(id) ?? null;
    }

    publish(channels) {
        this.order.push(channels);
        for (const connection of this.connections) connection.live(this.head);
    }

    /** One that a connection did not get: it is told. */
    lose(channels) {
        this.order.push(channels);
        for (const connection of this.connections) connection.put({ type: 'gap', id: this.id(this.head) });
    }

    trim() {
        this.#floor = this.head;
    }

    /** Ids of before are unknown. */
    restart() {
        this.dropAll();
        this.#epoch++;
        this.#floor = this.head;
    }

    dropAll() {
        for (const connection of this.connections) connection.drop();
    }

    isRecovered(after) {
        const number = this.number(after);
        return number !== null && after.startsWith(`${this.#epoch}-`) && number >= this.#floor && number <= this.head;
    }

    #connect(connection) {
        if (this.isWebSocketBlocked) return queueMicrotask(() => connection.drop());
        this.connections.add(connection);
        connection.begin([]);
    }

    async #fetch(url, signal) {
        const encoder = new TextEncoder();
        let controller;
        const body = new ReadableStream({ start: (given) => { controller = given; } });
        const socket = { close: () => {}, onclose: () => { try { controller.close(); } catch { /* aborted */ } } };
        const connection = new Connection(this, url, socket);
        socket.onmessage = ({ data }) => {
            const { type, id, recovered } = data;
            const isGap = type === 'gap' || recovered === false;
            const lines = [`id: ${id}`, ...(isGap ? ['event: gap', 'data: {}'] : type ? [] : [`data: ${JSON.stringify(data)}`])];
            controller.enqueue(encoder.encode(`${lines.join('\n')}\n\n`));
        };
        connection.isStream = true;
        signal.addEventListener('abort', () => { connection.forget(); try { controller.error(new Error('aborted')); } catch { /* over */ } });
        this.connections.add(connection);
        connection.begin(new URL(url).searchParams.getAll('channel'));
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    }
}

class Connection {
    isStream = false;
    #server;
    #socket;
    #after;
    #channels = new Set([null]);
    #had = new Set();
    #wire = [];
    #commands = [];

    constructor(server, url, socket) {
        this.#server = server;
        this.#socket = socket;
        this.#after = new URL(url).searchParams.get('after') ?? undefined;
        socket.send = (text) => this.#commands.push(JSON.parse(text));
        socket.close = () => this.forget();
    }

    begin(channels) {
        for (const channel of channels) this.#channels.add(channel);
        const { missed, ...answer } = this.#resume([null, ...channels], this.#after);
        const id = answer.recovered ? this.#after : answer.id;
        this.put({ type: 'welcome', client: '1.1', version: 1, ping_interval: 1000, channels, ...answer, id });
        for (const message of missed) this.put(message);
    }

    /** An event that was published: its first channel that this client has names it. */
    live(number) {
        const message = this.#message(number);
        if (message === null) return;
        this.#had.add(number);
        this.put(message);
    }

    put(message) {
        this.#wire.push(message);
    }

    heartbeat() {
        this.put({ type: 'heartbeat', id: this.#server.id(this.#server.head) });
    }

    /** Lets the next message through. False: there is none. */
    deliver() {
        const message = this.#wire.shift();
        if (message === undefined) return false;
        this.#server.delivering = message;
        this.#socket.onmessage({ data: this.isStream ? message : JSON.stringify(message) });
        return true;
    }

    /** Does what the next command says. False: there is none. */
    obey() {
        const command = this.#commands.shift();
        if (command === undefined) return false;
        const { type, ref, channels, after } = command, server = this.#server;
        const id = server.id(server.head);
        if (type === 'ping') this.put({ type: 'pong', ref, id });
        else if (type === 'authenticate') {
            this.put({ type: 'authenticated', ref, expires_at: 1 });
            const fresh = server.tokenChannels.filter((channel) => !this.#channels.has(channel));
            for (const channel of fresh) this.#channels.add(channel);
            if (fresh.length > 0) this.put({ type: 'subscribed', channels: fresh, id });
        } else if (type === 'unsubscribe') {
            for (const channel of channels) this.#channels.delete(channel);
            this.put({ type: 'unsubscribed', ref, channels });
        } else {
            for (const channel of channels) this.#channels.add(channel);
            const { missed, ...answer } = this.#resume(channels, after);
            this.put({ type: 'subscribed', ref, channels, ...answer, ...(answer.recovered && { events: missed }) });
        }
        return true;
    }

    drop() {
        this.forget();
        this.#socket.onclose?.({ code: 1006, reason: '' });
    }

    forget() {
        this.#wire = [];
        this.#commands = [];
        this.#server.connections.delete(this);
    }

    /** What is missed after an id. */
    #resume(asked, after) {
        const server = this.#server, missed = [];
        const answer = { id: server.id(server.head), missed };
        if (after === undefined) return answer;
        server.onAsk(asked, server.number(after));
        answer.recovered = server.isRecovered(after);
        if (!answer.recovered) return answer;
        for (let number = server.number(after) + 1; number <= server.head; number++) {
            const isAsked = (server.order[number - 1] ?? [null]).some((channel) => asked.includes(channel));
            if (!isAsked || this.#had.has(number)) continue;
            this.#had.add(number);
            missed.push(this.#message(number));
        }
        return answer;
    }

    #message(number) {
        const channel = (this.#server.order[number - 1] ?? [null]).find((channel) => this.#channels.has(channel));
        if (channel === undefined) return null;
        const id = this.#server.id(number);
        return { event: 'e', payload: number, timestamp: 1, id, ...(channel !== null && { channel }) };
    }
}
