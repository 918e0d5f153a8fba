// What a scenario has: a site, and clients that it names.

import { PageClient } from './page_client.js';
import { RawClient } from './raw_client.js';
import { Site } from './site.js';
import { Transcript } from './transcript.js';

export class World {
    #server;
    #transcript = new Transcript();
    #clients = [];

    constructor(server) {
        this.#server = server;
        this.site = new Site(this.#transcript, server);
    }

    /** A page that is connected. Tabs of a user differ by a number: ann, ann2. */
    async page(part) {
        const page = this.pageThatConnects(part);
        await page.gets('pusher:connection_established');
        return page;
    }

    pageThatConnects(part) {
        return this.#add(new PageClient(this.#transcript, part, this.site, part.replace(/\d+$/, '')));
    }

    /** A client without pusher-js, which may ask for something else than that would. */
    raw(
        part,
        { key = this.site.key, query = '?protocol=7&client=js&version=8.6.0&flash=false', path = `/app/${key}` } = {},
    ) {
        return this.#add(
            new RawClient(this.#transcript, part, `ws://${this.site.host}:${this.site.port}${path}${query}`),
        );
    }

    /** The same, and waits until it is connected. */
    async rawPage(part) {
        const client = this.raw(part);
        await client.gets('pusher:connection_established');
        return client;
    }

    /** Shows a text as a name in the transcript. */
    rename(text, name) {
        this.#transcript.rename(text, name);
    }

    #add(client) {
        this.#clients.push(client);
        return client;
    }

    /** Runs a scenario, and returns its transcript. What it had connected is closed then. */
    static async run(server, scenario) {
        const world = new World(server);
        try {
            await scenario(world);
        } catch (error) {
            world.#transcript.add('scenario', '!', error.message);
        }
        const lines = world.#transcript.lines();
        world.#clients.forEach((client) => client.end());
        return lines;
    }
}
