// What one client sent and received, and waiting for what it receives.

export const DEADLINE = Number(process.env.PUSHER_DEADLINE ?? 10_000);

export class Log {
    #transcript;
    #part;
    #received = [];
    #next = 0;
    #waiting = new Set();
    #isQuiet = false;
    closed;

    constructor(transcript, part) {
        this.#transcript = transcript;
        this.#part = part;
    }

    /** From now on nothing is written down: what follows differs from run to run. */
    quiet() {
        this.#isQuiet = true;
    }

    note(mark, text, front) {
        if (!this.#isQuiet) this.#transcript.add(this.#part, mark, text, front);
    }

    sends(text) {
        this.note('>', String(text));
    }

    receives(text) {
        this.note('<', text);
        let frame;
        try {
            frame = JSON.parse(text);
        } catch {
            frame = { event: `not JSON: ${text}` };
        }
        const data = typeof frame.data === 'string' ? frame.data : '';
        if (frame.event === 'pusher:connection_established') {
            this.socketId = JSON.parse(data || '{}').socket_id;
            if (/^\d+\.\d+$/.test(this.socketId)) this.#transcript.rename(this.socketId, `socket of ${this.#part}`);
        }
        this.#received.push(frame);
        this.#look();
    }

    /** What pusher-js gives to the page. */
    delivers(channel, event, data) {
        this.note('=', JSON.stringify(data ?? null), `${channel} ${event} `);
    }

    closes(code) {
        this.note('x', `closed ${code}`);
        this.closed = code;
        this.#look();
    }

    /** Waits for the next message with one of these names. */
    async gets(...names) {
        const find = () => this.#received.findIndex(({ event }, at) => at >= this.#next && names.includes(event));
        await this.until(`${names.join(' or ')}`, () => find() >= 0);
        this.#next = find() + 1;
        return this.#received[this.#next - 1];
    }

    async isClosed() {
        await this.until('the end of the connection', () => this.closed !== undefined);
        return this.closed;
    }

    hasGot(name, channel) {
        return this.#received.some((frame) => frame.event === name && frame.channel === channel);
    }

    /** What is written down although the log is quiet. */
    result(text) {
        this.#transcript.add(this.#part, '!', text);
    }

    /** Waits until a condition holds, which is tried whenever something comes. */
    until(what, condition) {
        return new Promise((resolve, reject) => {
            const waits = { look: () => condition() && done() && resolve() };
            const timer = setTimeout(() => done() && reject(new Error(`${this.#part} waited for ${what}`)), DEADLINE);
            const done = () => {
                clearTimeout(timer);
                return this.#waiting.delete(waits);
            };
            this.#waiting.add(waits);
            waits.look();
        });
    }

    #look() {
        [...this.#waiting].forEach(({ look }) => look());
    }
}
