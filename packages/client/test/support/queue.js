// What arrives, for one who waits.

const PATIENCE = 10_000;

export class Queue {
    #what;
    #waiting = [];
    #arrived = [];

    constructor(what) {
        this.#what = what;
    }

    put(one) {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(one);
        else this.#arrived.push(one);
    }

    /** The next one. Fails if it does not come. */
    async take() {
        if (this.#arrived.length > 0) return this.#arrived.shift();
        return within(this.#what, new Promise((resolve) => this.#waiting.push(resolve)));
    }

    get length() {
        return this.#arrived.length;
    }
}

/** Fails if a promise takes too long. */
export async function within(what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what} does not come`)), PATIENCE);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
