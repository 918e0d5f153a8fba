/** An event, as PHP published it. */
export interface FastapiEvent<Payload = any> {
    event: string;
    payload: Payload;
    /** Seconds since 1970, when it was queued. */
    timestamp: number;
    /** Its place in the order of all events. Compare for equality only. */
    id: string;
    /** The channel that brought it: the first of the event's channels that this client has. Missing in events for everybody. */
    channel?: string;
}

export type State = 'connecting' | 'connected' | 'waiting' | 'closed';
export type Transport = 'websocket' | 'sse';

export interface StateEvent {
    state: State;
    transport: Transport;
    /** Why it is "waiting" or "closed"; else empty. */
    reason: string;
    /** The close code of the connection that has ended, if one has. */
    code?: number;
}

export interface SubscribedEvent {
    /** The channels whose events come from here on. Null means the events for everybody. */
    channels: (string | null)[];
    /**
     * True: nothing was missed, or it was sent again. False: `gap` follows. Null: they begin here, without a position.
     */
    recovered: boolean | null;
}

export interface GapEvent {
    /** The channels of which events may be missing: fetch their state anew. Null means the events for everybody. */
    channels: (string | null)[];
}

export interface ErrorEvent {
    /** A close code (4 digits), or the code of an error of the protocol. 100: something failed for now, as `token` did. */
    code: number;
    message: string;
    /** The channels that were refused or have ended. Their handlers are called again if a later authenticate() brings the right. */
    channels?: string[];
}

export interface ClientEvents {
    event: FastapiEvent;
    state: StateEvent;
    subscribed: SubscribedEvent;
    gap: GapEvent;
    error: ErrorEvent;
}

export interface Options {
    /**
     * Where to begin: `EventQueue::now()` of PHP, taken before the page's data was read, or the id of an event. What was
     * published since is sent, or the client tells `gap`.
     */
    after?: string;
    /** Gives a token. Called before the first connection, and when the server wants a new one. Null: nobody is logged in. */
    token?: () => Promise<string | null | undefined> | string | null | undefined;
    /** Sends the token in the URL, for servers that want one with the request (`anonymous = false`). Proxies may log it. */
    tokenInUrl?: boolean;
    /** False: no events for everybody. True: they are wanted where a token has to allow them. */
    everybody?: boolean;
    /** What may be used. Both by default: WebSocket, and SSE where that is blocked. */
    transports?: Transport[];
    /** The first pause before it connects again, and the longest, in ms. 500 and 15,000. */
    minPause?: number;
    maxPause?: number;
    /** How long the server may take until it answers a new connection, in ms. 10,000. */
    timeout?: number;
    /** How often it tries, with SSE, whether WebSocket still is blocked, in ms. 600,000. */
    probe?: number;
    /**
     * Sends cookies with SSE to a server of another origin too. Its `allowed_origins` must name the page's origin: `*` is not
     * enough, the browser refuses each answer then.
     */
    withCredentials?: boolean;
    /** For programs without a global one, such as Node 20: that of the package `ws`. */
    WebSocket?: unknown;
    fetch?: typeof fetch;
}

export class FastapiClient {
    /** @throws TypeError if the URL or `after` is not valid */
    constructor(url: string | URL, options?: Options);

    readonly state: State;
    /** That of the connection, or of the last attempt. */
    readonly transport: Transport | null;
    /** The connection's id, for `except` of publish() in PHP. Null without a connection, and with SSE. */
    readonly id: string | null;

    /**
     * Calls the handler with each event of the channel. Returns a function that ends it. `after`: where to begin, as in the
     * options, for a channel that is subscribed later.
     * @throws TypeError if the name or `after` is not valid
     */
    subscribe<Payload = any>(
        channel: string,
        handler: (event: FastapiEvent<Payload>) => void,
        options?: { after?: string },
    ): () => void;

    /** Calls the handler with each event that is for everybody. Returns a function that ends it. */
    everybody<Payload = any>(handler: (event: FastapiEvent<Payload>) => void): () => void;

    /** Calls the listener each time. Returns a function that ends it. */
    on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void;

    /**
     * Asks for a new token and shows it to the server: after a login, or when the user may read more than before. Channels
     * that were refused are asked for again.
     */
    authenticate(): Promise<void>;

    /** Connects now; also again, after "closed". A new client does it by itself. */
    connect(): void;

    /** Ends the connection. Subscriptions and positions stay, for connect(). */
    close(): void;
}
