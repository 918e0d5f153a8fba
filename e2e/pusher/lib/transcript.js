// What happened in a scenario: for each of its parts (a client, the site) the lines in their order. The order between
// parts is not kept, because it differs from run to run.

import { line } from './lines.js';

export class Transcript {
    #names = new Map();
    #parts = new Map();

    /** From now on, and in what is there already, this text is shown as the name. */
    rename(text, name) {
        this.#names.set(text, `<${name}>`);
    }

    /** Adds an entry of a part: a mark, and a text or JSON, which may have something in front of it. */
    add(part, mark, text, front = '') {
        if (!this.#parts.has(part)) this.#parts.set(part, []);
        this.#parts.get(part).push([`${mark} ${front}`, text]);
    }

    /** The lines of each part. */
    lines() {
        const named = (text) => [...this.#names].reduce((all, [from, to]) => all.replaceAll(from, to), text);
        const shown = ([part, entries]) => [part, entries.map(([front, text]) => named(front) + line(named(text)))];
        return Object.fromEntries([...this.#parts].map(shown));
    }
}
