// A page: a client, and what it was told, in order.

import WebSocket from 'ws';

import { FastapiClient } from '../../src/fastapi-client.js';
import { within } from './queue.js';

/** So short that tests need not wait, and long enough that nothing is dropped under load. */
const OPTIONS = { WebSocket, minPause: 5, maxPause: 40 };

export class Page {
    /** "a:5" is the event with the id 5 of the channel a, "*:5" one for everybody, "gap a,*" a gap, "error 103 a". */
    log = [];
    states = [];
    #changed = () => {};

    constructor(url, options = {}) {
        const client = this.client = new FastapiClient(url, { ...OPTIONS, ...options });
        client.everybody(this.handler = (event) => this.#note(`${event.channel ?? '*'}:${event.id}`, event));
        client.on('gap', ({ channels }) => this.#note(`gap ${names(channels)}`));
        client.on('subscribed', ({ channels, recovered }) => this.#note(`subscribed ${names(channels)} ${recovered}`));
        client.on('error', ({ code, message, channels }) => this.#note(`error ${code}${channels ? ` ${names(channels)}` : ''}`, message));
        client.on('state', ({ state, transport, reason, code }) => {
            this.states.push(`${state} ${transport}`);
            Object.assign(this, { reason, code });
            this.#changed();
        });
    }

    subscribe(channel, options) {
        return this.client.subscribe(channel, this.handler, options);
    }

    /** Waits until the log has a line, and as many of them. */
    async has(line, count = 1) {
        await this.until(() => this.log.filter((one) => one === line).length >= count, line);
    }

    async isIn(state) {
        await this.until(() => this.client.state === state, state);
    }

    async until(condition, what) {
        const text = `${what ?? condition} (${JSON.stringify(this.log)}, ${JSON.stringify(this.states)})`;
        await within(text, new Promise((resolve) => {
            const look = () => condition() && resolve();
            this.#changed = look;
            look();
        })).catch((error) => { throw new Error(`${error.message}; now ${JSON.stringify(this.log)} ${this.states.at(-1)}`); });
    }

    /** The events and gaps alone. */
    get story() {
        return this.log.filter((line) => !line.startsWith('subscribed'));
    }

    events = [];

    #note(line, event) {
        this.log.push(line);
        this.events.push(event);
        this.#changed();
    }
}

function names(channels) {
    return channels.map((channel) => channel ?? '*').join();
}
