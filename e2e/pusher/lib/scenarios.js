// All scenarios by name, such as "presence.two_tabs": file and function.

import { readdirSync } from 'node:fs';

const FOLDER = new URL('../scenarios/', import.meta.url);

/** Those whose names begin with one of the names given; all of them without. */
export const scenarios = async (...wanted) => {
    const found = {};
    for (const file of readdirSync(FOLDER).sort()) {
        const functions = await import(new URL(file, FOLDER));
        for (const [name, scenario] of Object.entries(functions))
            found[`${file.replace(/\.js$/, '')}.${name}`] = scenario;
    }
    if (wanted.length === 0) return found;
    const names = Object.keys(found).filter((name) => wanted.some((one) => name === one || name.startsWith(`${one}.`)));
    if (names.length === 0) throw new Error(`no scenario is called ${wanted}`);
    return Object.fromEntries(names.map((name) => [name, found[name]]));
};
