// When a client connects again, with which token, and what the page is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FastapiClient } from '../src/fastapi-client.js';
import { Page } from './support/page.js';
import { Script } from './support/script.js';

const WELCOME = { type: 'welcome', client: '1.2', version: 1, ping_interval: 25, channels: [], id: '1', recovered: true };

/** A scripted server and a page on it, for one test. */
async function start(t, options) {
    const script = await Script.start();
    const page = new Page(script.url, options);
    t.after(() => { page.client.close(); return script.stop(); });
    return { script, page };
}

/** Counts the tokens: token-1, token-2, ... */
function tokens() {
    const token = async () => `token-${++token.asked}`;
    token.asked = 0;
    return token;
}

for (const code of [1002, 1007, 1008, 1009, 4400, 4403]) {
    test(`after ${code} it does not connect again`, async (t) => {
        const { script, page } = await start(t);
        const peer = await script.next();
        peer.say(WELCOME);
        peer.close(code, 'the reason');
        await page.isIn('closed');
        assert.deepEqual([page.code, page.reason], [code, 'the reason']);
        assert(page.log.includes(`error ${code}`));
        assert(!page.states.includes('waiting websocket'));
    });
}

for (const code of [1000, 1001, 1013, 4008, 4009, 4429]) {
    test(`after ${code} it connects again`, async (t) => {
        const { script, page } = await start(t);
        const peer = await script.next();
        peer.say(WELCOME);
        peer.close(code);
        assert.equal((await script.next()).after, '1');
        assert(page.states.includes('waiting websocket'));
    });
}

test('pauses grow to the longest, and are random', async (t) => {
    const pauses = [], { setTimeout } = globalThis;
    class Refused {
        constructor() { queueMicrotask(() => this.onclose({ code: 1006, reason: '' })); }
        close() {}
    }
    t.after(() => { globalThis.setTimeout = setTimeout; });
    const enough = new Promise((resolve) => {
        globalThis.setTimeout = (action, ms) => {
            if (ms > 1e6) return null;      // for the welcome: `timeout`, less what has passed
            if (pauses.push(ms) < 60) return setImmediate(action);
            return resolve();
        };
    });
    const client = new FastapiClient('ws://127.0.0.1/', { WebSocket: Refused, transports: ['websocket'], timeout: 1e9 });
    await enough;
    client.close();
    for (const [index, pause] of pauses.entries()) {
        const middle = Math.min(500 * 2 ** index, 15_000);
        assert(pause >= middle * 0.75 && pause <= middle * 1.25, `${index}: ${pause}`);
    }
    assert.equal(new Set(pauses).size, 60);
});

test('a token is shown by a command, before the channels, and kept for the next connection', async (t) => {
    const token = tokens();
    const { script, page } = await start(t, { token });
    page.subscribe('private-a');
    for (let connection = 0; connection < 2; connection++) {
        const peer = await script.next();
        assert.equal(peer.params.get('token'), null);
        peer.say(WELCOME);
        assert.deepEqual(await peer.command(), { type: 'authenticate', token: 'token-1', ref: 1 });
        assert.equal((await peer.command()).type, 'subscribe');
        peer.drop();
    }
    assert.equal(token.asked, 1);
});

test('after 4401 it asks for a new token', async (t) => {
    const { script } = await start(t, { token: tokens() });
    let peer = await script.next();
    peer.say(WELCOME);
    await peer.command();
    peer.close(4401, 'token expired');
    peer = await script.next();
    peer.say(WELCOME);
    assert.equal((await peer.command()).token, 'token-2');
});

for (const code of [101, 103, 109]) {
    test(`a login that is answered with ${code} is tried with a new token, and takes no channel with it`, async (t) => {
        const { script, page } = await start(t, { token: tokens() });
        page.subscribe('private-a');
        let peer = await script.next();
        peer.say(WELCOME);
        const { ref } = await peer.command();
        const { ref: next } = await peer.command();
        peer.say({ type: 'error', ref, code, message: 'no' });
        peer.say({ type: 'error', ref: next, code: 101, message: 'not authenticated' });
        peer = await script.next();
        peer.say(WELCOME);
        assert.equal((await peer.command()).token, 'token-2');
        assert.deepEqual((await peer.command()).channels, ['private-a']);
        assert.deepEqual(page.log.filter((line) => line.startsWith('error')), [`error ${code}`]);
    });
}

test('`expiring` is answered with a new token on the same connection', async (t) => {
    const { script } = await start(t, { token: tokens() });
    const peer = await script.next();
    peer.say(WELCOME);
    await peer.command();
    peer.say({ type: 'expiring' });
    assert.deepEqual(await peer.command(), { type: 'authenticate', token: 'token-2', ref: 2 });
});

test('a channel that needs another token than the one of before gets one', async (t) => {
    const { script, page } = await start(t, { token: tokens() });
    let peer = await script.next();
    peer.say(WELCOME);
    await peer.command();
    peer.drop();
    peer = await script.next();
    peer.say(WELCOME);
    await peer.command();
    page.subscribe('private-a');
    const { ref } = await peer.command();
    peer.say({ type: 'error', ref, code: 109, message: 'private-a: token expired' });
    peer = await script.next();
    peer.say(WELCOME);
    assert.equal((await peer.command()).token, 'token-2');
    const again = await peer.command();
    assert.deepEqual(again.channels, ['private-a']);
    peer.say({ type: 'error', ref: again.ref, code: 101, message: 'private-a: not authenticated' });
    await page.has('error 101 private-a');
});

test('without a way to a token 4401 is the end', async (t) => {
    const { script, page } = await start(t);
    (await script.next()).close(4401, 'not authenticated');
    await page.isIn('closed');
});

test('a login without tokens that has ended is tried once more, and is the end when it is refused', async (t) => {
    const { script, page } = await start(t);
    const peer = await script.next();
    peer.say(WELCOME);
    await page.isIn('connected');
    peer.close(4401, 'token expired');
    (await script.next()).close(4401, 'not authenticated');
    await page.isIn('closed');
});

test('who is not logged in is not asked again and again', async (t) => {
    const { script, page } = await start(t, { token: async () => null });
    (await script.next()).close(4401, 'not authenticated');
    await page.isIn('closed');
});

test('a server that wants the token with the request is told to the developer', async (t) => {
    const { script, page } = await start(t, { token: tokens() });
    (await script.next()).close(4401, 'not authenticated');
    await page.isIn('closed');
    assert.match(page.events.at(-1), /tokenInUrl/);
});

test('`tokenInUrl` sends it with the request and not again', async (t) => {
    const { script, page } = await start(t, { token: tokens(), tokenInUrl: true, everybody: true });
    page.subscribe('private-a');
    const peer = await script.next();
    assert.deepEqual([peer.params.get('token'), peer.params.get('everybody')], ['token-1', '1']);
    peer.say(WELCOME);
    assert.equal((await peer.command()).type, 'subscribe');
});

test('events for everybody that a token has to allow are asked for with it, and told as a gap after a break', async (t) => {
    const { script, page } = await start(t, { token: tokens(), everybody: true });
    for (const gaps of [0, 1]) {
        const peer = await script.next();
        assert.equal(peer.params.get('everybody'), null);
        peer.say(WELCOME);
        const { ref, ...command } = await peer.command();
        assert.deepEqual(command, { type: 'authenticate', token: 'token-1', everybody: true });
        peer.say({ type: 'authenticated', ref, expires_at: 1 });
        for (const id of ['2', '3']) peer.say({ type: 'subscribed', channels: [], id });
        peer.say({ event: 'e', payload: 1, timestamp: 1, id: `end-${gaps}` });
        await page.has(`*:end-${gaps}`);
        assert.equal(page.log.filter((line) => line === 'gap *').length, gaps);
        peer.drop();
    }
});

test('a token that cannot be had is tried again later', async (t) => {
    let asked = 0;
    const { script, page } = await start(t, { token: async () => { if (++asked < 3) throw new Error('offline'); return 'x'; } });
    (await script.next()).say(WELCOME);
    await page.isIn('connected');
    assert.equal(asked, 3);
    assert.equal(page.log.filter((line) => line === 'error 100').length, 2);
});

test('authenticate() shows a new token', async (t) => {
    const { script, page } = await start(t, { token: tokens() });
    const peer = await script.next();
    peer.say(WELCOME);
    await peer.command();
    await page.isIn('connected');
    await page.client.authenticate();
    assert.equal((await peer.command()).token, 'token-2');
});

test('authenticate() before the welcome shows the new token alone', async (t) => {
    const { script, page } = await start(t, { token: tokens() });
    const old = await script.next();
    await page.client.authenticate();
    const peer = await script.next();
    await old.closed;
    peer.say(WELCOME);
    assert.equal((await peer.command()).token, 'token-2');
});

test('one channel that is refused does not take the others with it', async (t) => {
    const { script, page } = await start(t);
    for (const channel of ['a', 'private-b', 'c']) page.subscribe(channel);
    let peer = await script.next();
    peer.say(WELCOME);
    const { ref } = await peer.command();
    peer.say({ type: 'error', ref, code: 103, message: 'private-b: not allowed' });
    for (const channel of ['a', 'c']) {
        const command = await peer.command();
        assert.deepEqual(command.channels, [channel]);
        peer.say({ type: 'subscribed', ref: command.ref, channels: [channel], id: '1' });
    }
    await page.has('subscribed c null');
    assert(page.log.includes('error 103 private-b'));
    peer.drop();
    peer = await script.next();
    peer.say(WELCOME);
    assert.deepEqual((await peer.command()).channels, ['a', 'c']);
});

test('a server without room for channels that it had is asked later, for a new one it is an error', async (t) => {
    const { script, page } = await start(t);
    page.subscribe('a');
    let peer = await script.next();
    peer.say(WELCOME);
    let { ref } = await peer.command();
    peer.say({ type: 'subscribed', ref, channels: ['a'], id: '1' });
    peer.drop();
    peer = await script.next();
    peer.say(WELCOME);
    ({ ref } = await peer.command());
    peer.say({ type: 'error', ref, code: 106, message: 'too many channels' });
    peer = await script.next();
    peer.say(WELCOME);
    assert.deepEqual((await peer.command()).channels, ['a']);
    page.subscribe('b');
    ({ ref } = await peer.command());
    peer.say({ type: 'error', ref, code: 106, message: 'too many channels' });
    await page.has('error 106 b');
});

test('a channel that was refused is asked for again when the page subscribes it again, from the new position', async (t) => {
    const { script, page } = await start(t);
    const leaves = [page.client.subscribe('a', () => {})];
    const peer = await script.next();
    peer.say(WELCOME);
    const { ref } = await peer.command();
    peer.say({ type: 'error', ref, code: 103, message: 'a: not allowed' });
    await page.has('error 103 a');
    leaves.push(page.client.subscribe('a', () => {}, { after: 't.5' }));
    const { ref: again, ...command } = await peer.command();
    assert.deepEqual(command, { type: 'subscribe', channels: ['a'], after: 't.5' });
    peer.say({ type: 'subscribed', ref: again, channels: ['a'], recovered: true, id: '1' });
    await page.has('subscribed a true');
    assert(!page.log.some((line) => line.startsWith('gap')), page.log.join());
    // Both handlers are of the same subscription: it ends with the last of them.
    leaves[0]();
    page.subscribe('b');
    assert.deepEqual((await peer.command()).channels, ['b']);
    leaves[1]();
    const { type, channels } = await peer.command();
    assert.deepEqual({ type, channels }, { type: 'unsubscribe', channels: ['a'] });
});

test('a subscription that the server ends is told and not asked for again', async (t) => {
    const { script, page } = await start(t);
    page.subscribe('a');
    let peer = await script.next();
    peer.say(WELCOME);
    const { ref } = await peer.command();
    peer.say({ type: 'subscribed', ref, channels: ['a'], id: '1' });
    peer.say({ type: 'unsubscribed', channels: ['a'], code: 103 });
    await page.has('error 103 a');
    peer.drop();
    peer = await script.next();
    peer.say(WELCOME);
    page.subscribe('b');
    assert.deepEqual((await peer.command()).channels, ['b']);
});

test('a connection on which nothing comes is made anew', async (t) => {
    const { script, page } = await start(t);
    (await script.next()).say({ ...WELCOME, ping_interval: 0.05 });
    assert.equal((await script.next()).after, '1');
    assert(page.states.includes('waiting websocket'));
});

test('a server that does not say `welcome` is tried again', async (t) => {
    const { script } = await start(t, { timeout: 50 });
    await script.next();
    await script.next();
});

test('what is no message is ignored', async (t) => {
    const { script, page } = await start(t);
    const peer = await script.next();
    for (const text of ['hello', '5', 'null', '[]', '{}', '{"type":"of later"}']) peer.say(text);
    peer.say(WELCOME);
    for (const text of ['hello', '5', 'null', '[1]', '{"type":"of later","id":"2"}']) peer.say(text);
    await page.isIn('connected');
    assert.equal(page.client.id, '1.2');
    peer.drop();
    await script.next();
});

test('close() ends it, and connect() goes on where it was', async (t) => {
    const { script, page } = await start(t);
    let peer = await script.next();
    peer.say(WELCOME);
    await page.isIn('connected');
    page.client.close();
    assert.equal(await peer.closed, 1000);
    assert.deepEqual([page.client.state, page.client.id], ['closed', null]);
    page.client.connect();
    assert.equal((await script.next()).after, '1');
});

test('a client that is closed at once does not connect', async (t) => {
    const { script, page } = await start(t);
    const other = new Page(script.url);
    other.client.close();
    await script.next();
    assert.deepEqual(other.states, []);
    assert.deepEqual(page.states, ['connecting websocket']);
});

test('what is not valid is an error of the page at once', async (t) => {
    const { page } = await start(t);
    for (const name of ['', 'a b', '#server-to-user-1', 'a*', 'x'.repeat(201)]) {
        assert.throws(() => page.client.subscribe(name, () => {}), TypeError, name);
    }
    assert.throws(() => page.client.subscribe('a', () => {}, { after: 'a b' }), TypeError);
    for (const after of ['', 'yesterday', 't.', 't.1.5']) {
        assert.throws(() => new FastapiClient('ws://127.0.0.1/', { after }), TypeError);
    }
    assert.throws(() => new FastapiClient('no address'), TypeError);
});

/** A window that changes: online, offline, looked at again. */
function aWindow(t) {
    const target = new EventTarget();
    for (const how of ['addEventListener', 'removeEventListener']) globalThis[how] = target[how].bind(target);
    globalThis.document = Object.assign(new EventTarget(), { hidden: false });
    t.after(() => { for (const name of ['addEventListener', 'removeEventListener', 'document']) delete globalThis[name]; });
    return target;
}

for (const [name, is] of [
    ['the network is back', (window) => window.dispatchEvent(new Event('online'))],
    ['the page is looked at', () => globalThis.document.dispatchEvent(new Event('visibilitychange'))],
]) {
    test(`it connects at once when ${name}`, async (t) => {
        const window = aWindow(t);
        const { script, page } = await start(t, { minPause: 1e8, maxPause: 1e8 });
        const peer = await script.next();
        peer.say(WELCOME);
        await page.isIn('connected');
        peer.drop();
        await page.isIn('waiting');
        window.dispatchEvent(new Event('offline'));
        assert.equal(page.client.state, 'waiting');
        is(window);
        await script.next();
    });
}

test('a live connection is pinged when the network changes', async (t) => {
    const window = aWindow(t);
    const { script, page } = await start(t);
    const peer = await script.next();
    peer.say(WELCOME);
    await page.isIn('connected');
    window.dispatchEvent(new Event('offline'));
    assert.equal((await peer.command()).type, 'ping');
    globalThis.document.hidden = true;
    globalThis.document.dispatchEvent(new Event('visibilitychange'));
    globalThis.document.hidden = false;
    globalThis.document.dispatchEvent(new Event('visibilitychange'));
    assert.deepEqual(await peer.command(), { type: 'ping', ref: 2 });
    // No answer comes.
    assert.equal((await script.next()).after, '1');
});
