// Random runs against a model of the server with its history: breaks between any two messages and commands, on WebSocket and
// SSE. What must hold: whenever the client asks to go on after a position, the page has every event before it, or was told;
// no handler gets an event twice; the events of a channel come in order; at the end nothing is missing. CLIENT_MODEL_RUNS and
// CLIENT_MODEL_SEED choose others.

import { test } from 'node:test';

import { FastapiClient } from '../src/fastapi-client.js';
import { ModelServer } from './support/model_server.js';

const RUNS = Number(process.env.CLIENT_MODEL_RUNS ?? 200), FIRST = Number(process.env.CLIENT_MODEL_SEED ?? 1);
const STEPS = 80, CHANNELS = ['a', 'b', 'c'];

/** Numbers from a seed (mulberry32). */
function random(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Until all that was caused has happened: promises, streams and timers of 0 ms. */
async function settle() {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setImmediate(resolve));
}

class Run {
    trace = [];
    #from = new Map();      // channel => the number after which the page must get its events
    #got = new Set();
    #latest = new Map();    // channel => the last event of this channel alone
    #leave = new Map();

    constructor(seed) {
        this.random = random(seed);
        const kinds = [['websocket'], ['websocket'], ['sse'], ['websocket', 'sse']];
        const transports = kinds[seed % kinds.length], hasToken = seed % 3 === 0;
        this.server = new ModelServer(hasToken ? ['c'] : [], (channels, number) => this.#asks(channels, number));
        const { WebSocket, fetch } = this.server;
        const options = { WebSocket, fetch, transports, minPause: 0, maxPause: 0, probe: 3, ...(hasToken && { token: () => 'x' }) };
        // Each run has a host of its own: what is blocked is remembered.
        const client = this.client = new FastapiClient(`ws://run-${seed}.test/`, options);
        this.#handler = (event) => this.#gets(event);
        // Also what comes by a channel of the token that the page has no handler for.
        client.on('event', this.#handler);
        client.everybody(this.#handler);
        client.on('subscribed', ({ channels }) => {
            for (const channel of channels) if (!this.#from.has(channel)) this.#owes(channel);
        });
        client.on('gap', ({ channels }) => {
            this.trace.push(`gap ${channels}`);
            for (const channel of channels) this.#owes(channel);
        });
        client.on('error', ({ message }) => this.#fails(`error: ${message}`));
    }

    #handler;
    #failure;

    async step() {
        const { server, trace } = this, dice = Math.floor(this.random() * 100);
        const does = (text) => trace.push(text);
        const [connection] = [...server.connections].sort(() => this.random() - 0.5);
        if (dice < 30) { does('deliver'); connection?.deliver(); }
        else if (dice < 48) { does('obey'); connection?.obey(); }
        else if (dice < 70) this.#publish((channels) => server.publish(channels));
        else if (dice < 74) { does('heartbeat'); connection?.heartbeat(); }
        else if (dice < 82) { does('drop'); connection?.drop(); }
        else if (dice < 92) this.#toggle(CHANNELS[Math.floor(this.random() * 3)]);
        else if (dice < 94) { does('trim'); server.trim(); }
        else if (dice < 95) { does('restart'); server.restart(); }
        else if (dice < 97) this.#publish((channels) => server.lose(channels));
        else { server.isWebSocketBlocked = !server.isWebSocketBlocked; does(`blocked ${server.isWebSocketBlocked}`); }
        // Also several at once, before the client can do anything. A stream is read later than it is written.
        if (this.random() < 0.8 || connection?.isStream) await settle();
        this.#check();
    }

    /** All connects again, and everything is said. */
    async end() {
        this.server.isWebSocketBlocked = false;
        this.server.dropAll();
        for (let quiet = 0; quiet < 5;) {
            await settle();
            let isBusy = this.client.state !== 'connected';
            for (const connection of this.server.connections) {
                while (connection.obey()) isBusy = true;
                while (connection.deliver()) {
                    isBusy = true;
                    if (connection.isStream) await settle();
                }
            }
            quiet = isBusy ? 0 : quiet + 1;
        }
        for (const channel of this.#from.keys()) this.#asks([channel], this.server.head);
        this.#check();
        this.client.close();
    }

    /** In a listener nobody would catch it. */
    #fails(text) {
        this.#failure ??= new Error(text);
    }

    #check() {
        if (this.#failure) throw this.#failure;
    }

    #publish(how) {
        const all = [null, ['a'], ['b'], ['c'], ['a', 'b'], ['c', 'a'], ['b', 'c', 'a']];
        const channels = all[Math.floor(this.random() * all.length)];
        how(channels);
        this.trace.push(`publish ${this.server.head} ${channels}`);
    }

    #toggle(channel) {
        const leave = this.#leave.get(channel);
        this.trace.push(`${leave ? 'leave' : 'subscribe'} ${channel}`);
        if (!leave) return this.#leave.set(channel, this.client.subscribe(channel, this.#handler));
        leave();
        this.#leave.delete(channel);
        this.#from.delete(channel);
    }

    #gets({ payload, channel = null }) {
        this.trace.push(`event ${payload} ${channel ?? '*'}`);
        if (this.#got.has(payload)) this.#fails(`REPEAT of ${payload}`);
        this.#got.add(payload);
        // One of several channels may come late: by the channel that is behind.
        if (this.server.order[payload - 1]?.length > 1) return;
        if (payload < (this.#latest.get(channel) ?? 0)) this.#fails(`ORDER of ${payload} on ${channel ?? '*'}`);
        this.#latest.set(channel, payload);
    }

    /** From the position of the message that is delivered on. */
    #owes(channel) {
        if (channel !== null && !this.#leave.has(channel)) return;
        this.#from.set(channel, this.server.number(this.server.delivering.id));
    }

    /** The client goes on after a number: all up to there must be had. */
    #asks(channels, number) {
        this.trace.push(`ask ${channels.map((channel) => channel ?? '*')} after ${number}`);
        for (const channel of channels) {
            for (let missed = (this.#from.get(channel) ?? Infinity) + 1; missed <= number; missed++) {
                const isOwed = (this.server.order[missed - 1] ?? [null]).includes(channel);
                if (isOwed && !this.#got.has(missed)) this.#fails(`SILENT LOSS of ${missed} on ${channel ?? '*'}`);
            }
        }
    }
}

test(`${RUNS} random runs lose nothing in silence, repeat nothing and keep the order`, { timeout: 600_000 }, async () => {
    for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
        const run = new Run(seed);
        try {
            for (let step = 0; step < STEPS; step++) await run.step();
            await run.end();
        } catch (error) {
            run.client.close();
            error.message = `seed ${seed}: ${error.message}\n${run.trace.slice(-60).join('; ')}`;
            throw error;
        }
    }
});
