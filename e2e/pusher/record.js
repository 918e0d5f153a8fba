// Prints what happens between the clients and a server that runs: record.js HOST PORT APP_ID KEY SECRET [SCENARIO...]

import { run } from './lib/run.js';

console.log(JSON.stringify(await run(process.argv.slice(2)), undefined, 1));
process.exit();
