// A client of fastapi-broadcaster for pages: channels, tokens, and the missed events after a break. WebSocket first; an event
// stream (SSE) where WebSocket is blocked. This file decides when and how to connect; session.js has what is said on a
// connection, subscriptions.js what the page has, transports.js how bytes come.

import { Session } from './session.js';
import { Subscriptions, call } from './subscriptions.js';
import { openWebSocket } from './transports.js';

const WEBSOCKET = 'websocket', SSE = 'sse';
/** Close codes after which the same page would only be refused again. */
const FINAL = [1002, 1007, 1008, 1009, 4400, 4403];
/** Attempts in a row that nobody answered, after which the other transport is tried. */
const ATTEMPTS = 3;
/** A connection that lasted so long (ms) was a good one: the next pause is short again. */
const GOOD = 10_000;
/** How long (ms) the answer to a ping may take. */
const ANSWER = 5000;
/** Hosts to which WebSocket is blocked, for the life of the page. */
const blocked = new Set();

const DEFAULTS = { transports: [WEBSOCKET, SSE], minPause: 500, maxPause: 15_000, timeout: 10_000, probe: 600_000 };

export class FastapiClient {
    /** "connecting", "connected", "waiting" (it will connect again) or "closed" (it will not). */
    state = 'closed';
    /** "websocket" or "sse": of this connection, or of the last. */
    transport = null;
    #url;
    #options;
    #subscriptions;
    #listeners = {};
    #session = null;
    #attempt = 0;           // counts: what arrives late for an earlier one is not used
    #timers = {};
    #token;                 // undefined: to be asked for. null: nobody is logged in
    #isTokenNew = false;    // it was asked for on this attempt or connection
    #pauses = 0;            // in a row
    #failures = 0;          // attempts in a row that nobody answered
    #since = 0;             // when it was connected

    constructor(url, options = {}) {
        this.#url = new URL(url, globalThis.location?.href);
        const { WebSocket, fetch } = globalThis;
        this.#options = { ...DEFAULTS, WebSocket, fetch: fetch?.bind(globalThis), ...options };
        this.#subscriptions = new Subscriptions(checked(options.after));
        // What the page subscribes to now is then asked for at once.
        Promise.resolve().then(() => this.#attempt || this.connect());
    }

    /** This connection's id, for `except` of publish() in PHP. Null without a connection, and with SSE. */
    get id() {
        return this.#session?.id ?? null;
    }

    /** Connects now; also after "closed". */
    connect() {
        this.#pauses = this.#failures = 0;
        this.#listen('addEventListener');
        this.#connect();
    }

    /** Ends the connection. Subscriptions and positions stay, for connect(). */
    close() {
        this.#closed('closed by the page');
    }

    /** Calls the handler with each event of the channel. Returns a function that ends it. */
    subscribe(channel, handler, { after } = {}) {
        if (!/^[\w=@,.;:/-]{1,200}$/.test(channel)) throw new TypeError(`not the name of a channel: ${channel}`);
        const all = this.#subscriptions;
        let one = all.get(channel);
        if (one === undefined || one.isRefused) {
            // The page's own `after` is for what it begins with.
            one = all.want(channel, checked(after) ?? (all.everybody.answered ? undefined : this.#options.after));
            if (this.state === 'connected') this.#later('ask', 0, () => this.#session.ask());
        } else if (after !== undefined && (one.answered || after !== one.after)) {
            // The server leaves out what this client had already, so this handler cannot get it.
            Promise.resolve().then(() => this.#emit('gap', { channels: [channel] }));
        }
        one.handlers.add(handler);
        return () => {
            one.handlers.delete(handler);
            // If its answer has not come yet, it is left after the answer.
            if (one.isUnused() && one.ref === undefined) this.#session ? this.#session.leave(one) : all.remove(one);
        };
    }

    /** Calls the handler with each event that is for everybody. Returns a function that ends it. */
    everybody(handler) {
        return added(this.#subscriptions.everybody.handlers, handler);
    }

    /** Calls the listener at each "event", "state", "subscribed", "gap" or "error". Returns a function that ends it. */
    on(name, listener) {
        return added(this.#listeners[name] ??= new Set(), listener);
    }

    /** Asks for a new token and shows it to the server: after a login, or when the user may read more than before. */
    async authenticate() {
        await this.#renew();
        this.#subscriptions.allow();
        if (this.state === 'connected') this.#session.authenticate(this.#token);
        else if (this.state === 'connecting') this.#connect();
    }

    async #renew() {
        this.#token = await this.#options.token?.() ?? null;
        this.#isTokenNew = true;
    }

    /** Without a new token the server closes with 4401, and we try again: also with a cookie, which counts at connect. */
    async #expiring() {
        const attempt = this.#attempt;
        try {
            await this.#renew();
            if (attempt === this.#attempt && this.#token) this.#session.authenticate(this.#token);
        } catch ({ message }) {
            this.#emit('error', { code: 109, message });
        }
    }

    async #connect() {
        this.#drop();
        const attempt = this.#attempt, { transports, token, timeout } = this.#options;
        // After three failures the other transport than the one that is remembered.
        const isOther = blocked.has(this.#url.host) !== (this.#failures >= ATTEMPTS);
        this.transport = this.#hasBoth() ? (isOther ? SSE : WEBSOCKET) : transports[0];
        this.#tell('connecting', '');
        try {
            this.#isTokenNew = this.#token === undefined;
            const asked = this.#isTokenNew ? await token?.() ?? null : this.#token;
            if (attempt !== this.#attempt) return;
            this.#token = asked;
            this.#session = new Session(this.#owner(), this.#subscriptions, this.#options, asked, this.transport === SSE);
            this.#session.open(this.#url);
            this.#watch(timeout);
        } catch (error) {
            if (attempt !== this.#attempt) return;
            this.#emit('error', { code: 100, message: error.message });
            this.#ended(1013, error.message);
        }
    }

    /** What a session tells and asks. */
    #owner() {
        return {
            welcome: (message) => this.#welcome(message),
            ended: (...why) => this.#ended(...why),
            restart: () => this.#later('connect', 0, () => this.#connect()),
            expiring: () => this.#options.token && this.#expiring(),
            canRenewToken: () => Boolean(this.#options.token) && !this.#isTokenNew,
            emit: (name, what) => this.#emit(name, what),
            listeners: (name) => this.#listeners[name] ?? [],
        };
    }

    #welcome({ ping_interval }) {
        this.#failures = 0;
        this.#since = Date.now();
        this.#watch(ping_interval * 2000);
        if (this.transport === WEBSOCKET) blocked.delete(this.#url.host);
        else if (this.#hasBoth()) {
            blocked.add(this.#url.host);
            this.#probe();
        }
        this.#tell('connected', '');
    }

    /** The connection has ended, or is to end, with a close code. `pause` in ms is what the server asks for. */
    #ended(code, reason, pause = 0) {
        const { minPause, maxPause, token, tokenInUrl } = this.#options, all = this.#subscriptions;
        const wasConnected = this.state === 'connected', isStream = this.transport === SSE;
        const why = reason || (code === 1006 ? 'no connection' : `closed with ${code}`);
        this.#drop();
        this.#failures = wasConnected || code !== 1006 || this.#failures >= ATTEMPTS ? 0 : this.#failures + 1;
        if (code === 4403 && isStream && all.everybody.answered) {
            // The others were allowed before, so it is one of these.
            const isNew = ({ channel, answered, isRefused }) => channel !== null && !answered && !isRefused;
            const channels = all.names(isNew);
            for (const channel of channels) all.refuse(channel);
            if (channels.length > 0) {
                this.#emit('error', { code: 103, message: why, channels });
                return this.#connect();
            }
        }
        let isFinal = FINAL.includes(code), hint = '';
        // A page that was never connected goes on with the other transport at once.
        let isAtOnce = this.#hasBoth() && this.#failures === ATTEMPTS && !all.everybody.answered;
        if (code === 4401) {
            const isShown = isStream || tokenInUrl;
            if (this.#isTokenNew && !wasConnected && this.#token && !isShown) hint = ': it wants a token with the request, see tokenInUrl';
            // Without tokens the server's own login decides, which is asked once more at the next connection.
            isFinal = (!token && !wasConnected) || hint !== '' || (this.#isTokenNew && !wasConnected && this.#token === null);
            // A token that has ended is no problem of the server.
            isAtOnce = Boolean(token) && !this.#isTokenNew;
            this.#token = undefined;
        }
        if (isFinal) {
            this.#emit('error', { code, message: why + hint });
            return this.#closed(why, code);
        }
        if (wasConnected && Date.now() - this.#since > GOOD) this.#pauses = 0;
        if (code === 1013 || code === 4429) this.#pauses = Math.max(this.#pauses, ATTEMPTS);
        const grown = Math.min(minPause * 2 ** this.#pauses++, maxPause) * (0.75 + Math.random() / 2);
        this.#later('connect', isAtOnce ? 0 : Math.max(grown, pause), () => this.#connect());
        this.#tell('waiting', why, code);
    }

    #closed(reason, code) {
        this.#listen('removeEventListener');
        this.#drop();
        if (this.state !== 'closed') this.#tell('closed', reason, code);
    }

    #drop() {
        for (const timer of Object.values(this.#timers)) clearTimeout(timer);
        this.#attempt++;
        const session = this.#session;
        this.#session = null;
        session?.close();
    }

    #hasBoth() {
        return this.#options.transports.length > 1;
    }

    #later(name, ms, action) {
        clearTimeout(this.#timers[name]);
        this.#timers[name] = setTimeout(action, ms);
    }

    /** Ends a connection on which nothing came for `ms`: it is broken, also if no one says so. */
    #watch(ms) {
        const left = this.#session.heard + ms - Date.now();
        if (left <= 0) this.#ended(1006, 'nothing came for too long');
        else this.#later('watch', left, () => this.#watch(ms));
    }

    /** Tries now and then whether WebSocket still is blocked, beside the event stream. */
    #probe() {
        const attempt = this.#attempt, { probe, timeout } = this.#options;
        this.#later('probe', probe, () => {
            const end = (works) => {
                socket.close();
                if (attempt !== this.#attempt) return;
                if (!works) return this.#probe();
                blocked.delete(this.#url.host);
                this.#connect();
            };
            // Any close code but 1006 is from the server.
            const listeners = { onMessage: () => end(true), onEnd: (code) => end(code !== 1006) };
            const socket = openWebSocket(this.#url, this.#options, null, listeners);
            this.#later('probe', timeout, () => end(false));
        });
    }

    #listen(how) {
        for (const name of ['online', 'offline']) globalThis[how]?.(name, this.#wake);
        globalThis.document?.[how]('visibilitychange', this.#wake);
    }

    /** The network has changed, or somebody looks at the page again. */
    #wake = ({ type }) => {
        const { state } = this, session = this.#session, heard = session?.heard;
        if (globalThis.document?.hidden && type === 'visibilitychange') return;
        if (state === 'waiting' && type !== 'offline') this.#connect();
        else if (state === 'connected' && session.ping()) {
            this.#later('wake', ANSWER, () => heard === session.heard && this.#ended(1006, 'no answer'));
        } else if (type === 'online' && state !== 'closed') this.#connect();
    };

    #tell(state, reason, code) {
        this.state = state;
        this.#emit('state', { state, transport: this.transport, reason, code });
    }

    #emit(name, what) {
        const listeners = [...this.#listeners[name] ?? []];
        if (name === 'error' && listeners.length === 0) console.warn('fastapi-client:', what);
        for (const listener of listeners) call(listener, what);
    }
}

function added(set, one) {
    set.add(one);
    return () => { set.delete(one); };
}

function checked(after) {
    // A moment, as of EventQueue::now(), or an id.
    if (after !== undefined && !/^(t\.\d{1,20}|(?=[\w.-]{1,64}$)[\w.]+-[\w.-]+)$/.test(after)) throw new TypeError(`not a position: ${after}`);
    return after;
}
