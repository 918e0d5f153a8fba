// A WebSocket that writes down every message in both directions.

import WebSocket from 'ws';

export class RecordedSocket extends WebSocket {
    #log;

    constructor(url, log) {
        super(url);
        this.#log = log;
        // Before the listeners of whoever uses it: what it does with a message comes after that in the transcript.
        this.on('message', (data, isBinary) => log.receives(isBinary ? 'a binary message' : String(data)));
        this.on('close', (code) => log.closes(code));
        this.on('error', () => {});
    }

    send(data, ...rest) {
        this.#log.sends(Buffer.isBuffer(data) ? 'a binary message' : data);
        super.send(data, ...rest);
    }
}
