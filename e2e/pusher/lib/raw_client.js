// A client without pusher-js, for what pusher-js never sends.

import { Log } from './log.js';
import { RecordedSocket } from './socket.js';

/** A channel whose subscription is the last that a client asks for. */
const LAST = 'last';

export class RawClient {
    constructor(transcript, part, url) {
        this.log = new Log(transcript, part);
        this.socket = new RecordedSocket(url, this.log);
    }

    /** Sends a value as JSON, or a text or bytes as they are. */
    send(message) {
        this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
    }

    gets(...names) {
        return this.log.gets(...names);
    }

    isClosed() {
        return this.log.isClosed();
    }

    /** Waits until the server has read all that was sent. */
    async isRead() {
        this.send({ event: 'pusher:ping', data: {} });
        await this.gets('pusher:pong');
    }

    /** Waits until the server has read all that was sent, or has closed the connection. */
    async isDone() {
        this.send({ event: 'pusher:subscribe', data: { channel: LAST } });
        const isDone = () =>
            this.log.closed !== undefined || this.log.hasGot('pusher_internal:subscription_succeeded', LAST);
        await this.log.until('the last answer or the end', isDone);
    }

    end() {
        this.socket.terminate();
    }
}
