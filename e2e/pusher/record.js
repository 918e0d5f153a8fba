// Prints what happens between the clients and a server that runs: record.js HOST PORT APP_ID KEY SECRET [SCENARIO...]

import { writeFileSync } from 'node:fs';

import { run } from './lib/run.js';

const transcripts = await run(process.argv.slice(2));
// Before the end of the process, also into a pipe.
writeFileSync(1, `${JSON.stringify(transcripts, undefined, 1)}\n`);
process.exit();
