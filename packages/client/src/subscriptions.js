// What a page is subscribed to, and how far it is: the position of each channel, from which it goes on after a break.
// Knows nothing of connections.
//
// Events for everybody count as a channel, whose name is null. Channels that were answered on a connection share the
// position of that connection: the id of its last message, of whatever type. Others keep the one they had.

/** Ids of events that are remembered, to leave out repeats: as many as an answer with missed events is planned to have. */
const REMEMBERED = 1000;

/**
 * A channel. `after` is its position: an id, or undefined for a channel that begins with what comes next. `answered` is 0
 * until the server has answered it, then a number that grows with each connection, because ids cannot be ordered. `isLive`:
 * answered on this connection. `ref`: of the `subscribe` that is outstanding. `isOwn`: the page asked for it; otherwise
 * it came with a token or the URL. `isRefused`: it is not asked for until the page shows another
 * token, or subscribes it again.
 */
class Subscription {
    handlers = new Set();
    answered = 0;
    isLive = false;
    isRefused = false;
    ref;

    constructor(channel, after, isOwn) {
        Object.assign(this, { channel, after, isOwn });
    }

    isUnused() {
        return this.isOwn && this.handlers.size === 0;
    }
}

export class Subscriptions {
    /** The id of the last message on this connection. */
    last;
    #all = new Map();
    #connections = 1;
    #seen = new Map();  // id => the handlers that had this event

    /** Events for everybody begin after `after`, if it is given. */
    constructor(after) {
        this.everybody = this.add(null, after, false);
    }

    get(channel) {
        return this.#all.get(channel);
    }

    add(channel, after, isOwn) {
        const subscription = new Subscription(channel, after, isOwn);
        this.#all.set(channel, subscription);
        return subscription;
    }

    /** The page subscribes a channel that is not there, or was refused: that keeps its handlers. */
    want(channel, after) {
        const one = this.get(channel) ?? this.add(channel, after, true);
        return Object.assign(one, { after, isRefused: false });
    }

    /** True if this one was there; a later one of the same channel stays. */
    remove(subscription) {
        return this.#all.get(subscription.channel) === subscription && this.#all.delete(subscription.channel);
    }

    /** The server has refused a channel, or has ended it: it begins anew when another token may read it. */
    refuse(channel) {
        const one = this.get(channel);
        if (one === undefined) return;
        if (!one.isOwn) return void this.remove(one);
        Object.assign(one, { after: undefined, answered: 0, isLive: false, isRefused: true, ref: undefined });
    }

    /** The page shows another token, so that all may be asked for again. */
    allow() {
        for (const one of this.#all.values()) one.isRefused = false;
    }

    names(filter = () => true) {
        return [...this.#all.values()].filter(filter).map(({ channel }) => channel);
    }

    /** The channels to ask for, by the position to ask with: those of one position in one command keep their order. */
    toAsk() {
        const groups = new Map();
        for (const { channel, after, isLive, isRefused, ref } of this.#all.values()) {
            if (channel === null || isLive || isRefused || ref !== undefined) continue;
            groups.set(after, [...groups.get(after) ?? [], channel]);
        }
        return groups;
    }

    /**
     * The position for a connection that has one for all channels: the oldest. Ids are equal or not and have no order,
     * but those of an earlier connection are older. A position that the page gave has no known place between them.
     */
    oldest() {
        let oldest = this.everybody;
        for (const one of this.#all.values()) {
            if (one.after === undefined) continue;
            const isOlder = one.answered > 0 && (oldest.answered === 0 || one.answered < oldest.answered);
            if (oldest.after === undefined || isOlder) oldest = one;
        }
        return oldest.after;
    }

    /**
     * The server has answered channels, that were asked for with the position `after`. From here on they are live, after
     * what is in the answer. Returns those of which events may be lost.
     */
    begin(channels, after, isRecovered) {
        const lost = [];
        for (const channel of channels) {
            const one = this.get(channel) ?? this.add(channel, after, false);
            // An older position than its own is as good. One that the page gave may be older than that.
            const isCovered = one.after === after || (after !== undefined && one.answered > 0);
            if (one.after !== undefined && !(isRecovered && isCovered)) lost.push(channel);
            one.isLive = true;
            one.isRefused = false;
            one.ref = undefined;
            one.answered = this.#connections;
        }
        return lost;
    }

    /** The connection is gone: what was live keeps how far it came. What no handler is left for ends. */
    end() {
        this.#connections++;
        for (const one of this.#all.values()) {
            if (one.isLive) {
                one.after = this.last;
                one.answered = this.#connections;
            }
            one.isLive = false;
            one.ref = undefined;
            if (one.isUnused()) this.remove(one);
        }
        this.last = undefined;
    }

    /** Gives an event to the handlers of its channel and to `others`; to none of them twice. */
    deliver(message, others) {
        const { id, channel = null } = message;
        const had = this.#seen.get(id) ?? new WeakSet();
        if (id !== undefined) this.#seen.set(id, had);
        if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.keys().next().value);
        for (const handler of [...this.get(channel)?.handlers ?? [], ...others]) {
            if (had.has(handler)) continue;
            had.add(handler);
            call(handler, message);
        }
    }
}

/** An error in a handler of the page is reported as any other error of the page, and stops nothing here. */
export function call(handler, argument) {
    try {
        handler(argument);
    } catch (error) {
        if (globalThis.reportError) globalThis.reportError(error);
        else setTimeout(() => { throw error; });
    }
}
