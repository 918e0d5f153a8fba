// A client of channels for pages: subscribes by commands (subprotocol fastapi.v1), gets a new token before the old one ends,
// and connects again. Copy it, or load it with <script src="channel_client.js"></script>; it needs nothing else.
// docs/guide.md explains it.
"use strict";

class ChannelClient {
    /** Codes after which the same page would only be refused again (see docs/protocol.md). */
    static #FINAL = [1002, 1007, 1008, 1009, 4403];
    static #FIRST_PAUSE = 500;
    static #LONGEST_PAUSE = 15_000;

    /** This connection, for `except` of publish() in PHP. Null while there is none. */
    id = null;
    #options;
    #wanted = new Set();
    #commands = new Map();      // ref => what was asked and is not answered yet
    #lastRef = 0;
    #socket = null;
    #attempt = null;            // the current one: a token that arrives late for another one is not used
    #timer = null;              // for the next attempt
    #watch = null;              // for a connection on which nothing comes
    #pause = ChannelClient.#FIRST_PAUSE;
    #silence = 60_000;

    /**
     * @param options
     *   url           "wss://example.com/ws", or an async function that returns it
     *   token         async function that returns a token, or null if nobody is logged in. Without it there is no token
     *   onEvent       ({ event, payload, timestamp, id, channel }); `channel` is missing in what is for everybody
     *   onSubscribed  (channels): from here on their events come; fetch what was before
     *   onRefused     ({ code, message, channels }): they were refused, or have ended
     *   onState       (state, why): "connecting", "open", "waiting" (it will connect again) or "closed" (it will not)
     */
    constructor(options) {
        const nothing = () => {};
        this.#options = { onEvent: nothing, onSubscribed: nothing, onRefused: nothing, onState: nothing, ...options };
        this.#options.token ??= null;   // also where it is given as undefined
    }

    connect() {
        this.#drop();
        this.#pause = ChannelClient.#FIRST_PAUSE;
        this.#open();
    }

    disconnect(why = "disconnected") {
        this.#drop();
        this.#options.onState("closed", why);
    }

    /** Subscribes now, and again after each connect. Channels that the token names come without being asked for. */
    subscribe(channel) {
        this.#wanted.add(channel);
        if (this.id !== null) this.#send({ type: "subscribe", channels: [channel] });
    }

    unsubscribe(channel) {
        this.#wanted.delete(channel);
        if (this.id !== null) this.#send({ type: "unsubscribe", channels: [channel] });
    }

    /** Shows the server a new token, because the user may read more than before. */
    async renewToken() {
        const attempt = this.#attempt;
        const token = await this.#options.token?.();
        if (token && attempt === this.#attempt && this.id !== null) this.#send({ type: "authenticate", token });
    }

    async #open() {
        const attempt = this.#attempt = {};
        this.#options.onState("connecting", "");
        let url = this.#options.url, token = null;
        try {
            if (typeof url === "function") url = await url();
            token = await this.#options.token?.() ?? null;
        } catch (error) {
            if (attempt === this.#attempt) this.#connectLater(error.message);
            return;
        }
        if (attempt !== this.#attempt) return;
        if (this.#options.token !== null && token === null) return this.disconnect("nobody is logged in");
        const socket = this.#socket = new WebSocket(url, "fastapi.v1");
        // An old socket may still report something.
        const current = (listener) => (event) => { if (this.#socket === socket) listener(event); };
        socket.addEventListener("message", current(({ data }) => this.#receive(JSON.parse(data), token)));
        socket.addEventListener("close", current(({ code, reason }) => this.#closed(code, reason)));
    }

    #receive(message, token) {
        // The server sends something every `ping_interval`. A connection on which nothing comes is broken, also if no one says so.
        clearTimeout(this.#watch);
        this.#watch = setTimeout(() => this.#connectLater("nothing came for too long"), this.#silence);
        if ("event" in message) return this.#options.onEvent(message);
        switch (message.type) {
            case "welcome":
                this.id = message.client;
                if (token === null) this.#pause = ChannelClient.#FIRST_PAUSE;
                this.#silence = message.ping_interval * 2500;
                // The token does not stand in the URL, where proxies would write it into their logs.
                if (token !== null) this.#send({ type: "authenticate", token });
                // One by one, so that one that is refused does not take the others with it.
                for (const channel of this.#wanted) this.#send({ type: "subscribe", channels: [channel] });
                this.#options.onState("open", "");
                if (message.channels.length > 0) this.#options.onSubscribed(message.channels);
                break;
            case "authenticated":
                this.#pause = ChannelClient.#FIRST_PAUSE;
                break;
            case "subscribed":
                this.#options.onSubscribed(message.channels);
                break;
            case "unsubscribed":
                // Without a code it is the answer to our own command.
                if (message.code !== undefined) this.#refused(message.channels, message.code, "the right to read it has ended");
                break;
            case "expiring":
                this.renewToken().catch(() => {});  // Without a new token the server closes with 4401, and we try again.
                break;
            case "error":
                return this.#failed(this.#commands.get(message.ref) ?? {}, message);
        }
        this.#commands.delete(message.ref);
    }

    #failed(command, { ref, code, message }) {
        this.#commands.delete(ref);
        // The token is not valid, or no longer: another one may. As after 4401.
        if (command.type === "authenticate" && [101, 109].includes(code)) return this.#connectLater(message);
        this.#refused(command.channels ?? [], code, message);
    }

    #refused(channels, code, message) {
        for (const channel of channels) this.#wanted.delete(channel);
        this.#options.onRefused({ code, message, channels });
    }

    #closed(code, reason) {
        const why = code === 1006 ? "no connection" : `closed with ${code}${reason && `: ${reason}`}`;
        if (ChannelClient.#FINAL.includes(code)) return this.disconnect(why);
        // Also after 4401: the next attempt asks for a new token.
        this.#connectLater(why);
    }

    /** After a random pause that grows, so that pages do not connect all at once. */
    #connectLater(why) {
        this.#drop();
        this.#timer = setTimeout(() => this.#open(), this.#pause * (0.75 + Math.random() / 2));
        this.#pause = Math.min(this.#pause * 2, ChannelClient.#LONGEST_PAUSE);
        this.#options.onState("waiting", why);
    }

    #drop() {
        clearTimeout(this.#timer);
        clearTimeout(this.#watch);
        const socket = this.#socket;
        this.#socket = this.#attempt = this.id = null;
        this.#commands.clear();
        socket?.close(1000);
    }

    #send(command) {
        const ref = ++this.#lastRef;
        this.#commands.set(ref, command);
        this.#socket.send(JSON.stringify({ ...command, ref }));
    }
}
