// Compares what a server does with what is expected of ours: check.js HOST PORT APP_ID KEY SECRET [SCENARIO...]
// Ends with 1 and prints each difference, if there is any.

import { readFileSync } from 'node:fs';

import { DIFFERENCES, RULES } from './differences.js';
import { expected } from './lib/expected.js';
import { run } from './lib/run.js';

const FIXTURE = new URL('recorded/sockudo-5.2.0.json', import.meta.url);
const { scenarios: recorded } = JSON.parse(readFileSync(FIXTURE));

/** Prints both sides of a part, and returns how many parts differ. */
const compare = (name, wanted, found) => {
    let differing = 0;
    for (const part of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
        const [ours, theirs] = [wanted[part] ?? [], found[part] ?? []].map((lines) => lines.join('\n'));
        if (ours === theirs) continue;
        differing += 1;
        console.log(`--- ${name}, ${part}: expected ---\n${ours}\n--- found ---\n${theirs}\n`);
    }
    return differing;
};

let differing = 0;
for (const [name, found] of Object.entries(await run(process.argv.slice(2)))) {
    if (recorded[name] === undefined) throw new Error(`${name} was not recorded`);
    differing += compare(name, expected(name, recorded[name], { rules: RULES, differences: DIFFERENCES }), found);
}
process.exit(differing > 0 ? 1 : 0);
