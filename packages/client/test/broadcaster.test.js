// With a real broadcaster. FASTAPI_BROADCASTER is its program; without it, that of target/release.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Page } from './support/page.js';
import { within } from './support/queue.js';

const PROGRAM = process.env.FASTAPI_BROADCASTER
    ?? fileURLToPath(new URL('../../../target/release/fastapi-broadcaster', import.meta.url));
const PATH = process.env.PATH;

class Broadcaster {
    #directory;
    #process;
    #settings;
    #port = 0;

    static async start(t, settings = {}) {
        const broadcaster = new Broadcaster();
        broadcaster.#directory = await mkdtemp(join(tmpdir(), 'fastapi-client-'));
        broadcaster.#settings = {
            PATH, FASTAPI_WS_QUEUE: join(broadcaster.#directory, 'queue'), FASTAPI_WS_LOG_FORMAT: 'json', ...settings,
        };
        if (settings.FASTAPI_WS_PUBLIC_CHANNELS) {
            const secret = join(broadcaster.#directory, 'secret');
            await writeFile(secret, 'a secret of these tests, of 42 bytes in all', { mode: 0o600 });
            broadcaster.#settings.FASTAPI_WS_TOKEN_SECRET_FILE = secret;
        }
        t.after(async () => {
            await broadcaster.stop();
            await rm(broadcaster.#directory, { recursive: true });
        });
        await broadcaster.publish('creates the queue', ['--channel', 'nobody']);
        await broadcaster.start();
        return broadcaster;
    }

    get url() {
        return `ws://127.0.0.1:${this.#port}/ws`;
    }

    /** On the port of before, if it had one. */
    async start() {
        const env = { ...this.#settings, FASTAPI_WS_LISTEN: `127.0.0.1:${this.#port}` };
        const child = this.#process = spawn(PROGRAM, [], { env, stdio: ['ignore', 'ignore', 'pipe'] });
        const lines = [];
        const listening = new Promise((resolve, reject) => {
            createInterface({ input: child.stderr }).on('line', (line) => {
                lines.push(line);
                const port = /"message":"listening","address":"127\.0\.0\.1:(\d+)"/.exec(line)?.[1];
                if (port) resolve(Number(port));
            });
            child.once('error', reject);
            child.once('exit', () => reject(new Error(`the broadcaster has ended: ${lines.join('\n')}`)));
        });
        this.#port = await within('the broadcaster', listening);
    }

    async stop() {
        const child = this.#process;
        if (!child || child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await within('its end', ended);
    }

    publish(event, args = []) {
        return this.#run(['publish', event, '{"n":1}', ...args]);
    }

    token(...args) {
        return this.#run(['token', 'create', ...args]);
    }

    async #run(args) {
        const { stdout } = await promisify(execFile)(PROGRAM, args, { env: this.#settings });
        return stdout.trim();
    }
}

async function pageOf(t, broadcaster, options) {
    const page = new Page(broadcaster.url, options);
    t.after(() => page.client.close());
    return page;
}

/** The names of events that a page got, with their channel. */
const got = (page) => page.events.filter((event) => event?.event).map(({ event, channel }) => `${event} ${channel ?? '*'}`);

test('events of channels and for everybody arrive; `except` leaves this client out', async (t) => {
    const broadcaster = await Broadcaster.start(t);
    const page = await pageOf(t, broadcaster);
    const leave = page.subscribe('orders');
    page.subscribe('news');
    await page.has('subscribed orders,news null');
    await broadcaster.publish('one', ['--channel', 'orders', '--channel', 'news']);
    await broadcaster.publish('not for it', ['--channel', 'orders', '--except', page.client.id]);
    await broadcaster.publish('two');
    await page.until(() => got(page).length === 2);
    assert.deepEqual(got(page), ['one orders', 'two *']);
    assert.deepEqual(page.events.find((event) => event?.event === 'two').payload, { n: 1 });
    leave();
    page.subscribe('behind');
    await page.has('subscribed behind null');
    await broadcaster.publish('three', ['--channel', 'orders']);
    await broadcaster.publish('four', ['--channel', 'news']);
    await page.until(() => got(page).length === 3);
    assert.deepEqual(got(page).at(-1), 'four news');
});

test('after a restart of the server it is connected and subscribed again, and gets what it has missed', async (t) => {
    const broadcaster = await Broadcaster.start(t);
    const page = await pageOf(t, broadcaster);
    page.subscribe('orders');
    await page.has('subscribed orders null');
    await broadcaster.stop();
    await page.until(() => page.states.includes('waiting websocket'));
    assert.equal(page.code, 1001);
    await broadcaster.publish('one', ['--channel', 'orders']);
    await broadcaster.start();
    // If that took long, the client has changed to SSE, which answers all channels at once.
    await page.until(() => page.log.some((line) => /^subscribed (\*,)?orders true$/.test(line)));
    await broadcaster.publish('two', ['--channel', 'orders']);
    await page.until(() => got(page).length === 2);
    assert.deepEqual(got(page), ['one orders', 'two orders']);
    assert.equal(page.log.includes('gap orders'), false);
});

test('a token opens its channels; one that is refused leaves the others', async (t) => {
    const broadcaster = await Broadcaster.start(t, { FASTAPI_WS_PUBLIC_CHANNELS: 'room.*' });
    const token = () => broadcaster.token('--user', '42', '--channels', 'private-user.42', '--allow', 'private-orders');
    const page = await pageOf(t, broadcaster, { token });
    for (const channel of ['room.1', 'private-other', 'private-user.42', 'private-orders']) page.subscribe(channel);
    await page.has('error 103 private-other');
    await page.until(() => ['room.1', 'private-user.42', 'private-orders'].every((channel) =>
        page.log.some((line) => line.startsWith('subscribed') && line.split(' ')[1].split(',').includes(channel))));
    await broadcaster.publish('one', ['--channel', 'private-user.42']);
    await page.until(() => got(page).length === 1);
    assert.deepEqual(got(page), ['one private-user.42']);
});

test('a channel that was refused is asked for again after a login', async (t) => {
    const broadcaster = await Broadcaster.start(t, { FASTAPI_WS_PUBLIC_CHANNELS: 'room.*' });
    let user = null;
    const token = () => user && broadcaster.token('--user', user, '--channels', `private-user.${user}`, '--allow', 'private-a');
    const page = await pageOf(t, broadcaster, { token });
    for (const channel of ['room.1', 'private-user.42', 'private-a', 'private-b']) page.subscribe(channel);
    await page.until(() => ['private-user.42', 'private-a', 'private-b'].every((channel) =>
        page.log.some((line) => line.startsWith('error') && line.includes(channel))));
    user = '42';
    await page.client.authenticate();
    await page.until(() => ['private-user.42', 'private-a'].every((channel) =>
        page.log.some((line) => line.startsWith('subscribed') && line.split(' ')[1].split(',').includes(channel))));
    for (const channel of ['room.1', 'private-user.42', 'private-a', 'private-b']) {
        await broadcaster.publish('one', ['--channel', channel]);
    }
    await page.until(() => got(page).length === 3);
    assert.deepEqual(got(page), ['one room.1', 'one private-user.42', 'one private-a']);
});

test('events for everybody that need a token come with it', async (t) => {
    const broadcaster = await Broadcaster.start(t, { FASTAPI_WS_PUBLIC_CHANNELS: 'room.*' });
    const token = () => broadcaster.token('--allow', 'everybody');
    for (const tokenInUrl of [false, true]) {
        const page = await pageOf(t, broadcaster, { token, everybody: true, tokenInUrl });
        page.subscribe('room.1');
        // Behind the answer to the login.
        await page.has('subscribed room.1 null');
        await broadcaster.publish('one');
        await page.until(() => got(page).length === 1);
    }
});

test('a token that is not valid is replaced', async (t) => {
    const broadcaster = await Broadcaster.start(t, { FASTAPI_WS_PUBLIC_CHANNELS: 'room.*' });
    let asked = 0;
    const token = () => (++asked === 1 ? 'not.a.token' : broadcaster.token('--allow', 'private-a'));
    const page = await pageOf(t, broadcaster, { token });
    page.subscribe('private-a');
    await page.has('subscribed private-a null');
    assert.equal(asked, 2);
    assert.deepEqual(page.log.filter((line) => line.startsWith('error')), ['error 101']);
});

test('a server that takes nobody without a token', async (t) => {
    const broadcaster = await Broadcaster.start(t, { FASTAPI_WS_PUBLIC_CHANNELS: 'room.*', FASTAPI_WS_ANONYMOUS: 'false' });
    const token = () => broadcaster.token('--user', '42');
    // Other programs than pages get a status, which WebSocket does not tell. Pages send an Origin.
    const { default: WebSocket } = await import('ws');
    class OfAPage extends WebSocket {
        constructor(url, protocol) { super(url, protocol, { origin: 'http://127.0.0.1' }); }
    }
    const none = await pageOf(t, broadcaster, { WebSocket: OfAPage });
    await none.isIn('closed');
    assert.equal(none.code, 4401);
    const page = await pageOf(t, broadcaster, { token, tokenInUrl: true, WebSocket: OfAPage });
    page.subscribe('room.1');
    await page.has('subscribed room.1 null');
});

test('a heartbeat keeps a quiet connection', async (t) => {
    const broadcaster = await Broadcaster.start(t, { FASTAPI_WS_PING_INTERVAL_SECS: '1' });
    const page = await pageOf(t, broadcaster);
    let heartbeats = 0;
    const { default: WebSocket } = await import('ws');
    class Counting extends WebSocket {
        constructor(...given) {
            super(...given);
            this.on('message', (data) => { heartbeats += Number(JSON.parse(data).type === 'heartbeat'); quiet.client.state && look(); });
        }
    }
    let look = () => {};
    const quiet = await pageOf(t, broadcaster, { WebSocket: Counting });
    await within('three heartbeats', new Promise((resolve) => { look = () => heartbeats >= 3 && resolve(); }));
    assert.deepEqual(quiet.states, ['connecting websocket', 'connected websocket']);
    assert.deepEqual(page.states, ['connecting websocket', 'connected websocket']);
});
