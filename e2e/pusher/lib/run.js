// Runs scenarios against a server that runs, one after the other.

import { scenarios } from './scenarios.js';
import { World } from './world.js';

/** The transcripts, by name of scenario. The server is named as in `HOST PORT APP_ID KEY SECRET`. */
export const run = async ([host, port, appId, key, secret, ...wanted]) => {
    if (secret === undefined) throw new Error('HOST PORT APP_ID KEY SECRET [SCENARIO...]');
    const transcripts = {};
    for (const [name, scenario] of Object.entries(await scenarios(...wanted))) {
        transcripts[name] = await World.run({ host, port: Number(port), appId, key, secret }, scenario);
    }
    return transcripts;
};
