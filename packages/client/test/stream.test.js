// SSE, where WebSocket is blocked.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Page } from './support/page.js';
import { Script } from './support/script.js';

const WELCOME = { type: 'welcome', client: '1.2', version: 1, ping_interval: 25, channels: [], id: '1', recovered: true };
const data = (id, channel, payload = null) => [`id: ${id}`, `data: ${JSON.stringify({ event: 'e', payload, timestamp: 1, id, channel })}`];

async function start(t, { refuseUpgrade, ...options } = {}) {
    const script = await Script.start();
    script.refuseUpgrade = refuseUpgrade;
    const page = new Page(script.url, options);
    t.after(() => { page.client.close(); return script.stop(); });
    return { script, page };
}

const SSE = { transports: ['sse'] };

for (const refuseUpgrade of [400, 403, 502]) {
    test(`a proxy that answers upgrades with ${refuseUpgrade} leads to SSE, which is remembered`, async (t) => {
        const { script, page } = await start(t, { refuseUpgrade, after: 't.1' });
        page.subscribe('a');
        const peer = await script.next();
        assert.equal(peer.kind, 'sse');
        assert.equal(script.refused, 3);
        assert.equal(peer.headers.accept, 'text/event-stream');
        assert.deepEqual([peer.params.getAll('channel'), peer.after], [['a'], 't.1']);
        peer.open();
        peer.say('retry: 1', 'id: 1');
        peer.say(...data('2', 'a'));
        peer.say(...data('3'));
        await page.has('*:3');
        assert.deepEqual(page.story, ['a:2', '*:3']);
        assert(page.log.includes('subscribed *,a true'));
        assert.deepEqual([page.client.transport, page.client.id], ['sse', null]);
        peer.drop();
        const again = await script.next();
        assert.deepEqual([again.kind, again.after, script.refused], ['sse', '3', 3]);
        const other = new Page(script.url);
        t.after(() => other.client.close());
        assert.equal((await script.next()).kind, 'sse');
        assert.equal(script.refused, 3);
    });
}

test('with SSE it tries now and then whether WebSocket works again, and goes on there', async (t) => {
    const { script, page } = await start(t, { refuseUpgrade: 403, probe: 20 });
    page.subscribe('a');
    const peer = await script.next();
    peer.open();
    peer.say('id: 1');
    await page.isIn('connected');
    await script.hasRefused(5);
    script.refuseUpgrade = undefined;
    const probe = await script.next();
    assert.deepEqual([probe.kind, probe.after], ['websocket', undefined]);
    probe.say(WELCOME);
    const socket = await script.next();
    assert.deepEqual([socket.kind, socket.after], ['websocket', '1']);
    await peer.closed;
    socket.say(WELCOME);
    const { ref, ...command } = await socket.command();
    assert.deepEqual(command, { type: 'subscribe', channels: ['a'], after: '1' });
});

test('a server that answers is no blocked WebSocket', async (t) => {
    const { script } = await start(t);
    for (let attempt = 0; attempt < 5; attempt++) {
        const peer = await script.next();
        assert.equal(peer.kind, 'websocket');
        peer.close(1013, 'server is full');
    }
});

test('where nothing works both are tried in turn', async (t) => {
    const { script, page } = await start(t, { refuseUpgrade: 502 });
    for (let attempt = 1; attempt <= 3; attempt++) {
        const peer = await script.next();
        assert.deepEqual([peer.kind, script.refused], ['sse', 3 * attempt]);
        peer.answer(502);
    }
    assert(!page.states.includes('connected sse'));
});

test('another channel is subscribed by a new connection, several by one', async (t) => {
    const { script, page } = await start(t, SSE);
    page.subscribe('a');
    let peer = await script.next();
    peer.open();
    peer.say('id: 1');
    peer.say(...data('2', 'a'));
    await page.has('a:2');
    page.subscribe('b');
    page.subscribe('c');
    const old = peer;
    peer = await script.next();
    await old.closed;
    assert.deepEqual([peer.params.getAll('channel'), peer.after], [['a', 'b', 'c'], '2']);
    peer.open();
    peer.say('id: 2');
    await page.has('subscribed *,a,b,c true');
    assert.deepEqual(page.story, ['a:2']);
});

test('a channel that is subscribed while the answer is on its way is not taken for answered', async (t) => {
    const { script, page } = await start(t, SSE);
    let peer = await script.next();
    page.subscribe('a');
    peer.open();
    peer.say('id: 1');
    await page.has('subscribed * null');
    peer = await script.next();
    assert.deepEqual([peer.params.getAll('channel'), peer.after], [['a'], '1']);
});

test('a gap in the first block, or later, is told for all channels', async (t) => {
    const { script, page } = await start(t, { ...SSE, after: 't.1' });
    page.subscribe('a');
    let peer = await script.next();
    peer.open();
    peer.say('retry: 1', 'event: gap', 'id: 5', 'data: {"recovered":false}');
    peer.say(...data('6', 'a'));
    peer.say('event: gap', 'id: 8', 'data: {"recovered":false}');
    await page.has('gap *,a', 2);
    peer.drop();
    peer = await script.next();
    assert.equal(peer.after, '8');
    assert.deepEqual(page.story, ['gap *,a', 'a:6', 'gap *,a']);
});

test('a heartbeat moves the position', async (t) => {
    const { script, page } = await start(t, SSE);
    const peer = await script.next();
    peer.open();
    peer.say('id: 1');
    peer.say('id: 7');
    peer.say(...data('8'));
    peer.say('id: 9');
    peer.say(...data('10'));
    await page.has('*:10');
    peer.drop();
    assert.equal((await script.next()).after, '10');
});

test('from WebSocket it goes on with the oldest position, and a repeat is left out', async (t) => {
    const { script, page } = await start(t);
    page.subscribe('a');
    let peer = await script.next();
    peer.say(WELCOME);
    const { ref } = await peer.command();
    peer.say({ type: 'subscribed', ref, channels: ['a'], id: '1' });
    await page.has('subscribed a null');
    peer.drop();
    peer = await script.next();
    peer.say(WELCOME);
    await peer.command();
    peer.say({ event: 'e', payload: 1, timestamp: 1, id: '3' });
    await page.has('*:3');
    script.refuseUpgrade = 403;
    peer.drop();
    peer = await script.next();
    assert.deepEqual([peer.kind, peer.after], ['sse', '1']);
    peer.open();
    peer.say('id: 1');
    for (const lines of [data('2', 'a'), data('3'), data('4', 'a')]) peer.say(...lines);
    await page.has('a:4');
    assert.deepEqual(page.story, ['*:3', 'a:2', 'a:4']);
});

test('a position that the page gave for one channel cannot be kept beside others: it is told', async (t) => {
    const { script, page } = await start(t, SSE);
    let peer = await script.next();
    peer.open();
    peer.say('id: 1');
    await page.isIn('connected');
    page.subscribe('a', { after: 't.5' });
    peer = await script.next();
    assert.equal(peer.after, '1');
    peer.open();
    peer.say('id: 1');
    await page.has('gap a');
});

test('the token is in a header, and 401 asks for a new one', async (t) => {
    let asked = 0;
    const { script, page } = await start(t, { ...SSE, token: () => `token-${++asked}`, everybody: true });
    let peer = await script.next();
    assert.deepEqual([peer.params.get('token'), peer.params.get('everybody')], [null, '1']);
    assert.equal(peer.headers.authorization, 'Bearer token-1');
    peer.answer(401);
    peer = await script.next();
    assert.equal(peer.headers.authorization, 'Bearer token-2');
    peer.open();
    peer.say('id: 1');
    await page.isIn('connected');
    peer.end();
    peer = await script.next();
    assert.equal(peer.headers.authorization, 'Bearer token-2');
});

test('403 is the end; for a channel that was added it is the end of this one', async (t) => {
    const { script, page } = await start(t, SSE);
    page.subscribe('a');
    let peer = await script.next();
    peer.open();
    peer.say('id: 1');
    await page.isIn('connected');
    page.subscribe('private-b');
    (await script.next()).answer(403);
    await page.has('error 103 private-b');
    peer = await script.next();
    assert.deepEqual([peer.params.getAll('channel'), peer.after], [['a'], '1']);
    peer.answer(403);
    await page.isIn('closed');
    assert(page.log.includes('error 4403'));
});

for (const [withCredentials, credentials] of [[undefined, 'same-origin'], [true, 'include']]) {
    test(`cookies with SSE: withCredentials ${withCredentials} is ${credentials}`, async (t) => {
        const asked = [];
        const recorded = (url, init) => { asked.push(init.credentials); return fetch(url, init); };
        const { script, page } = await start(t, { ...SSE, fetch: recorded, withCredentials });
        const peer = await script.next();
        peer.open();
        peer.say('id: 1');
        await page.isIn('connected');
        assert.deepEqual(asked, [credentials]);
    });
}

test('400 is the end', async (t) => {
    const { script, page } = await start(t, SSE);
    (await script.next()).answer(400);
    await page.isIn('closed');
    assert.equal(page.code, 4400);
});

for (const [name, refuse] of [
    ['429', (peer) => peer.answer(429, { 'retry-after': '0' })],
    ['503', (peer) => peer.answer(503)],
    ['a page of a proxy', (peer) => peer.answer(200, { 'content-type': 'text/html' })],
    ['a stream that only says when to come back', (peer) => { peer.open(); peer.say('retry: 30'); peer.end(); }],
]) {
    test(`${name} is tried again`, async (t) => {
        const { script } = await start(t, SSE);
        refuse(await script.next());
        const peer = await script.next();
        assert.deepEqual([peer.kind, peer.after], ['sse', undefined]);
    });
}

test('a stream is read however it is cut', async (t) => {
    const { script, page } = await start(t, SSE);
    page.subscribe('a');
    const peer = await script.next();
    peer.open();
    const payload = 'ü \u2028 €😀: x';
    const text = `: comment\r\nretry: 1\r\nid: 1\r\n\r\n:\n${data('2', 'a', payload).join('\n')}\n\nid:3\n\n`;
    for (const byte of Buffer.from(text)) peer.write(Buffer.from([byte]));
    peer.say(...data('4'));
    await page.has('*:4');
    assert.deepEqual(page.story, ['a:2', '*:4']);
    assert.equal(page.events.find((event) => event?.id === '2').payload, payload);
});
