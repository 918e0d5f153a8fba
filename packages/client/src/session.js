// One connection: what is said on it, from the address to its end. fastapi-client.js makes a new one for each attempt.
//
// The server does not send the error codes 100 and 112: it answers `recovered: false`, or closes the connection. Both
// are reserved, so they are handled here. Only the scripted servers of the tests send them.

import { openEventStream, openWebSocket } from './transports.js';

/** Messages that may wait for the answer that belongs before them. */
const MAX_HELD = 10_000;

export class Session {
    /** For `except` of publish() in PHP. */
    id = null;
    heard = Date.now();
    #isOver = false;
    #isStream;
    #owner;
    #all;
    #options;
    #token;
    #transport;
    #asked;                     // the channels in the URL
    #after;                     // the position in the URL
    #hasEverybody = false;      // the answer to `everybody` has come
    #commands = new Map();      // ref => command that is not answered yet
    #lastRef = 0;
    #held = [];                 // messages that belong after an answer that has not come
    #heldFor;                   // the ref of that answer

    /**
     * `owner` is told `welcome(message)`, `emit(name, what)`, `ended(code, reason, pause)` (also if the session wants to end) and
     * `restart()` (this connection cannot do what is asked for; a new one can), `expiring()`. `listeners(name)` and
     * `canRenewToken()` are asked.
     */
    constructor(owner, subscriptions, options, token, isStream) {
        this.#owner = owner;
        this.#all = subscriptions;
        this.#options = options;
        this.#token = token;
        this.#isStream = isStream;
    }

    open(base) {
        const url = new URL(base), { searchParams } = url, all = this.#all, isStream = this.#isStream;
        const { everybody, tokenInUrl } = this.#options, token = this.#token;
        const channels = isStream ? all.names(({ channel, isRefused }) => channel !== null && !isRefused) : [];
        this.#asked = [null, ...channels];
        this.#after = isStream ? all.oldest() : all.everybody.after;
        for (const channel of channels) searchParams.append('channel', channel);
        if (this.#after !== undefined) searchParams.set('after', this.#after);
        if (!isStream && tokenInUrl && token) searchParams.set('token', token);
        // What the token has to allow is asked for with the token.
        if (everybody !== undefined && (isStream || tokenInUrl || !(everybody && token))) {
            searchParams.set('everybody', Number(everybody));
        }
        this.#transport = (isStream ? openEventStream : openWebSocket)(url, this.#options, token, {
            onMessage: (message) => this.#isOver || this.#receive(message),
            onEnd: (...why) => this.#isOver || this.#owner.ended(...why),
        });
    }

    close() {
        this.#isOver = true;
        this.#all.end();
        this.#transport?.close();
    }

    /** Asks for all channels that are not asked for yet. An event stream has them in its URL. */
    ask() {
        const groups = this.#all.toAsk();
        if (this.#isStream) return groups.size > 0 && this.#owner.restart();
        for (const [after, channels] of groups) this.#subscribe(channels, after);
    }

    leave(one) {
        if (!this.#all.remove(one) || !one.isLive || this.#isStream) return;
        this.#send({ type: 'unsubscribe', channels: [one.channel] });
    }

    /** Shows another token. Without one the server keeps the old login: only a new connection is without it. */
    authenticate(token) {
        this.#token = token;
        if (this.#isStream || !token) return this.#owner.restart();
        this.#send({ type: 'authenticate', token, everybody: this.#options.everybody || undefined });
        this.ask();
    }

    /** Sends a ping, if the transport can. */
    ping() {
        return !this.#isStream && this.#send({ type: 'ping' });
    }

    #receive(message) {
        this.heard = Date.now();
        // A token's channel is live before it was asked for with its position: what it missed belongs before.
        const one = 'event' in message ? this.#all.get(message.channel ?? null) : undefined;
        const isHeld = this.#held.length > 0;
        if (isHeld ? message.ref === this.#heldFor : one?.ref === undefined || one.after === undefined) {
            return this.#handle(message);
        }
        if (!isHeld) this.#heldFor = one.ref;
        if (this.#held.push(message) > MAX_HELD) this.#owner.ended(1006, 'an answer does not come');
    }

    #handle(message) {
        const held = this.#held;
        this.#held = [];
        // What is inside a message, or was held for it, is before its position.
        const isLater = held.length > 0 || message.events !== undefined;
        if (!isLater && message.id !== undefined) this.#all.last = message.id;
        if ('event' in message) return this.#deliver(message);
        const command = this.#commands.get(message.ref);
        this.#commands.delete(message.ref);
        const { type, channels, code, id } = message;
        if (type === 'welcome') this.#welcome(message);
        else if (type === 'subscribed') this.#subscribed(message, command);
        // Without a code it is the answer to our own command.
        else if (type === 'unsubscribed') code && this.#refused(channels, code, 'the right to read it has ended');
        else if (type === 'gap') this.#lost(this.#all.names(({ isLive }) => isLive));
        else if (type === 'expiring') this.#owner.expiring();
        else if (type === 'error') this.#failed(message, command);
        for (const one of held) this.#isOver || this.#receive(one);
        if (isLater && !this.#isOver) this.#receive({ type: 'heartbeat', id });
    }

    #welcome(message) {
        const all = this.#all, after = this.#after;
        this.id = message.client ?? null;
        const channels = this.#isStream ? this.#asked : [null, ...message.channels.filter((channel) => {
            // A channel with another position than the URL's is asked for by a command, with its own.
            const position = all.get(channel)?.after;
            return position === undefined || position === after;
        })];
        this.#owner.welcome(message);
        if (this.#isOver) return;
        this.#begin(channels, after, message.recovered);
        if (this.#isOver) return;
        if (!this.#isStream && this.#token && !this.#options.tokenInUrl) this.authenticate(this.#token);
        else this.ask();
    }

    #subscribed({ channels, events = [], recovered }, command) {
        if (channels.length === 0) {
            // Events for everybody come from here on. Those before were not for this client when it resumed.
            if (!this.#hasEverybody && this.#all.everybody.after !== undefined) this.#lost([null]);
            this.#hasEverybody = true;
            return;
        }
        for (const event of events) this.#deliver(event);
        if (this.#isOver) return;
        // Channels that nobody asked for came with a token. Those that were asked for also get an answer of their own.
        const ours = channels.map((channel) => [channel, this.#all.get(channel)]);
        const isBegun = (one) => (command ? one?.ref === command.ref : one === undefined || one.isRefused);
        const begun = ours.filter(([, one]) => isBegun(one)).map(([channel]) => channel);
        if (begun.length > 0) this.#begin(begun, command?.after, recovered);
        // Their last handler left before the answer.
        for (const [, one] of ours) if (!this.#isOver && one?.isLive && one.isUnused()) this.leave(one);
    }

    #begin(channels, after, recovered) {
        const lost = this.#all.begin(channels, after, recovered), told = this.#told(channels);
        if (told.length > 0) {
            this.#owner.emit('subscribed', { channels: told, recovered: after === undefined ? null : lost.length === 0 });
        }
        this.#lost(lost);
    }

    #failed({ code, message }, { type, ref, channels = [], after } = {}) {
        const all = this.#all, owner = this.#owner;
        const asked = channels.filter((channel) => all.get(channel)?.ref === ref);
        const subscriptions = asked.map((channel) => all.get(channel));
        if (type !== 'subscribe') owner.emit('error', { code, message });
        if (type === 'authenticate' || ((code === 101 || code === 109) && owner.canRenewToken())) return owner.ended(4401, message);
        if (type !== 'subscribe') return;
        if (code === 112) {
            for (const one of subscriptions) one.ref = one.after = undefined;
            this.#lost(asked);
            return this.ask();
        }
        // This client had them before, so it is the server that is full.
        if ((code === 100 || code === 106) && subscriptions.some((one) => one.answered > 0)) return owner.ended(1013, message);
        // One that is refused must not take the others with it. The message begins with its name.
        const named = asked.length > 1 ? asked.filter((channel) => message.startsWith(`${channel}: `)) : asked;
        for (const channel of asked) if (!named.includes(channel)) this.#subscribe([channel], after);
        this.#refused(named, code, message);
    }

    #refused(channels, code, message) {
        for (const channel of channels) this.#all.refuse(channel);
        if (channels.length > 0) this.#owner.emit('error', { code, message, channels });
    }

    /** Tells the page of what it may have missed. */
    #lost(channels) {
        const told = this.#told(channels);
        if (told.length > 0) this.#owner.emit('gap', { channels: told });
    }

    /** Those that the page wants to hear of. */
    #told(channels) {
        return channels.filter((channel) => channel !== null || this.#options.everybody !== false);
    }

    #subscribe(channels, after) {
        const ref = this.#send({ type: 'subscribe', channels, after });
        for (const channel of channels) this.#all.get(channel).ref = ref;
    }

    #send(command) {
        const ref = ++this.#lastRef;
        this.#commands.set(ref, { ...command, ref });
        this.#transport.send({ ...command, ref });
        return ref;
    }

    #deliver(event) {
        if (!this.#isOver) this.#all.deliver(event, this.#owner.listeners('event'));
    }
}
