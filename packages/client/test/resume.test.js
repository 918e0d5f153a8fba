// Positions: what a client asks for after a break, and what a page is told. The server says what the table has:
// a server with history.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Page } from './support/page.js';
import { Script } from './support/script.js';

const welcome = (id, recovered, channels = []) =>
    ({ type: 'welcome', client: '1.2', version: 1, ping_interval: 25, channels, id, recovered });
const event = (id, channel) => ({ event: 'e', payload: null, timestamp: 1, id, channel });
const heartbeat = (id) => ({ type: 'heartbeat', id });

/** The client asks for channels after a position; the server answers with the rest, if there is one. */
const asked = (channels, after, answer) => async (peer) => {
    const { ref, ...command } = await peer.command();
    assert.deepEqual(command, { type: 'subscribe', channels, ...(after && { after }) });
    if (answer) peer.say({ type: 'subscribed', ref, channels, ...answer });
};
const says = (...messages) => (peer) => messages.forEach((message) => peer.say(message));
/** The page has been told so; then the server goes on. */
const page = (line, count) => (_, page) => page.has(line, count);
const does = (action) => (_, page) => action(page);
const drop = (peer) => peer.drop();

// Each connection: the position in its URL, then what happens.
const SCENARIOS = [
    ['a drop before `welcome` changes no position', { after: 't.1' }, ['a'], [
        ['t.1', drop],
        ['t.1', says(welcome('5', true)), asked(['a'], 't.1', { id: '5', recovered: true, events: [] }), drop],
        ['5', says(welcome('5', true)), asked(['a'], '5')],
    ], []],

    ['a drop before `welcome` keeps different positions', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true), event('2')), asked(['a'], '1'), page('*:2'), drop],
        ['2', drop],
        ['2', says(welcome('2', true)), asked(['a'], '1', { id: '2', recovered: true, events: [] })],
    ], ['*:2']],

    ['a drop between `welcome` and `subscribed` keeps the position of the channel', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), says(event('2', 'a')), page('a:2'), drop],
        ['2', says(welcome('2', true), event('3'), heartbeat('5')), asked(['a'], '2'), page('*:3'), drop],
        ['5', says(welcome('5', true)), asked(['a'], '2', { id: '5', recovered: true, events: [event('4', 'a')] })],
    ], ['a:2', '*:3', 'a:4']],

    ['a channel that was never answered begins anew', {}, ['a'], [
        [undefined, says(welcome('1'), event('2')), asked(['a'], undefined), page('*:2'), drop],
        ['2', says(welcome('2', true)), asked(['a'], undefined, { id: '2' })],
    ], ['*:2']],

    ['a drop during the replay for everybody goes on after what came', {}, [], [
        [undefined, says(welcome('1')), page('subscribed * null'), drop],
        ['1', says(welcome('1', true), event('2'), event('3')), page('*:3'), drop],
        ['3', says(welcome('3', true), event('4')), page('*:4')],
    ], ['*:2', '*:3', '*:4']],

    ['the position is that of the last message of any type', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '2' }), says(heartbeat('3')), page('subscribed a null'),
            says(event('4', 'a'), { type: 'pong', id: '6' }, { event: 'e', payload: 1, timestamp: 1, id: '7' }), page('*:7'), drop],
        ['7', says(welcome('7', true)), asked(['a'], '7')],
    ], ['a:4', '*:7']],

    ['`subscribed` for another channel does not move one that is not answered', {}, ['a', 'b'], [
        [undefined, says(welcome('1')), asked(['a', 'b'], undefined, { id: '1' }), says(event('2', 'a')), page('a:2'), drop],
        ['2', says(welcome('2', true)), asked(['a', 'b'], '2'), does((page) => page.subscribe('c')), asked(['c'], undefined, { id: '9' }),
            page('subscribed c null'), drop],
        ['9', says(welcome('9', true)), asked(['a', 'b'], '2'), asked(['c'], '9')],
    ], ['a:2']],

    ['two channels with different positions are asked for apart', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'),
            does((page) => page.subscribe('b', { after: 't.7' })), asked(['b'], 't.7'), says(event('2', 'a')), page('a:2'), drop],
        ['2', says(welcome('2', true)),
            asked(['a'], '2', { id: '3', recovered: true, events: [event('3', 'a')] }),
            asked(['b'], 't.7', { id: '3', recovered: true, events: [event('1', 'b')] }), page('b:1')],
    ], ['a:2', 'a:3', 'b:1']],

    ['an event of two channels that comes again is given once to a handler', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), says(event('2', 'a')), page('a:2'),
            does((page) => page.subscribe('b', { after: 't.1' })),
            asked(['b'], 't.1', { id: '3', recovered: true, events: [event('2', 'b'), event('3', 'b')] }), page('b:3')],
    ], ['a:2', 'b:3']],

    ['events inside `subscribed` come before it counts, and before what follows', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true)), asked(['a'], '1', { id: '3', recovered: true, events: [event('2', 'a'), event('3', 'a')] }),
            says(event('4', 'a')), page('a:4'),
            does(({ log }) => assert.deepEqual(log.slice(-4), ['a:2', 'a:3', 'subscribed a true', 'a:4']))],
    ], ['a:2', 'a:3', 'a:4']],

    ['`recovered: false` is told for the channels of the answer alone', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true)), asked(['a'], '1', { id: 'x-9', recovered: false }), page('gap a'), drop],
        ['x-9', says(welcome('x-9', true)), asked(['a'], 'x-9')],
    ], ['gap a']],

    ['`welcome` that did not recover is told for everybody, and begins at the new id', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('y-4', false)), asked(['a'], '1'), page('gap *'), drop],
        ['y-4', says(welcome('y-4', true)), asked(['a'], '1', { id: 'y-4', recovered: false }), page('gap a')],
    ], ['gap *', 'gap a']],

    ['a server without history has not recovered', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('5')), asked(['a'], '1', { id: '5' }), page('gap a')],
    ], ['gap *', 'gap a']],

    ['a gap on a live connection is for the channels that are answered', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true)), asked(['a'], '1'), says({ type: 'gap', id: '8' }), page('gap *'), drop],
        ['8', says(welcome('8', true)), asked(['a'], '1', { id: '8', recovered: true, events: [event('2', 'a')] }),
            says({ type: 'gap', id: '9' }), page('gap *,a')],
    ], ['gap *', 'a:2', 'gap *,a']],

    ['channels of the URL or of the token share the position of everybody', {}, [], [
        [undefined, says(welcome('1', undefined, ['u'])), says(event('2', 'u')), page('subscribed *,u null'), drop],
        ['2', says(welcome('2', true, ['u']), event('3')), page('*:3'), drop],
        ['3', says(welcome('3', false, ['u'])), page('gap *,u')],
    ], ['*:3', 'gap *,u']],

    ['a channel that `welcome` brings is asked for if its position is older', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true), event('2')), page('*:2'), drop],
        ['2', says(welcome('2', true, ['a']), event('4', 'a')),
            asked(['a'], '1', { id: '4', recovered: true, events: [event('2', 'a'), event('3', 'a')] }), page('a:4')],
    ], ['*:2', 'a:3', 'a:4']],

    ['what is live before its own answer waits for what was missed', { token: () => 'x' }, ['a'], [
        [undefined, says(welcome('1')), (peer) => peer.command(), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true)), (peer) => peer.command(), async (peer) => {
            const { ref } = await peer.command();
            peer.say({ type: 'subscribed', channels: ['a'], id: '3' });
            for (const one of [event('4', 'a'), event('5'), { type: 'pong', id: '6' }]) peer.say(one);
            peer.say({ type: 'subscribed', ref, channels: ['a'], id: '6', recovered: true, events: [event('2', 'a'), event('3', 'a')] });
        }, page('*:5'), drop],
        ['6', says(welcome('6', true)), (peer) => peer.command(), asked(['a'], '6')],
    ], ['a:2', 'a:3', 'a:4', '*:5']],

    ['a drop while something waits forgets it, and no position has passed it', { token: () => 'x' }, ['a'], [
        [undefined, says(welcome('1')), (peer) => peer.command(), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true)), (peer) => peer.command(), (peer) => peer.command(),
            says({ type: 'subscribed', channels: ['a'], id: '3' }, event('4', 'a'), event('5'), { type: 'pong', id: '6' }), drop],
        ['3', says(welcome('3', true), event('5')), (peer) => peer.command(),
            asked(['a'], '1', { id: '6', recovered: true, events: [event('4', 'a')] }), page('a:4')],
    ], ['*:5', 'a:4']],

    ['a page that begins again within a replay has no position after it', { token: () => 'x' }, ['a'], [
        [undefined, says(welcome('1')), (peer) => peer.command(), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', does(({ client }) => client.on('event', ({ id }) => id === '2' && client.connect())), says(welcome('1', true)),
            (peer) => peer.command(), async (peer) => {
                const { ref } = await peer.command();
                for (const one of [{ type: 'subscribed', channels: ['a'], id: '3' }, event('4', 'a'), event('5')]) peer.say(one);
                peer.say({ type: 'subscribed', ref, channels: ['a'], id: '5', recovered: true, events: [event('2', 'a')] });
            }],
        ['3', says(welcome('3', true), event('5')), (peer) => peer.command(),
            asked(['a'], '1', { id: '5', recovered: true, events: [event('2', 'a'), event('4', 'a')] }), page('a:4')],
    ], ['a:2', '*:5', 'a:4']],

    ['a channel that left and came again has no position', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'),
            does((page) => { page.leave.a(); page.subscribe('a'); }),
            async (peer) => assert.deepEqual(await peer.command(), { type: 'unsubscribe', channels: ['a'], ref: 2 }),
            asked(['a'], undefined, { id: '3' }), page('subscribed a null', 2)],
    ], []],

    ['a channel has one `subscribe` outstanding, and leaves after its answer', {}, ['a'], [
        [undefined, says(welcome('1')), async (peer, page) => {
            const { ref } = await peer.command();
            page.leave.a();
            page.subscribe('a')();
            page.subscribe('b');
            assert.deepEqual((await peer.command()).channels, ['b']);
            peer.say({ type: 'subscribed', ref, channels: ['a'], id: '2' });
            assert.deepEqual(await peer.command(), { type: 'unsubscribe', channels: ['a'], ref: 3 });
        }],
    ], []],

    ['what cannot be recovered at all begins anew and is told', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', says(welcome('1', true)), async (peer) => {
            const { ref } = await peer.command();
            peer.say({ type: 'error', ref, code: 112, message: 'cannot recover' });
        }, asked(['a'], undefined, { id: '4' }), page('subscribed a null', 2)],
    ], ['gap a']],

    ['the page’s `after` is for what it begins with; a channel of later begins later or with its own', { after: 't.1' }, ['a'], [
        ['t.1', says(welcome('3', true)), asked(['a'], 't.1', { id: '3', recovered: true, events: [event('2', 'a')] }), page('a:2'),
            does((page) => page.subscribe('b')), asked(['b'], undefined, { id: '4' }),
            does((page) => page.subscribe('c', { after: 't.2' })), asked(['c'], 't.2', { id: '4', recovered: true, events: [event('3', 'c')] }),
            page('c:3')],
    ], ['a:2', 'c:3']],

    ['an `after` for a channel that is subscribed already is a gap', {}, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { id: '1' }), page('subscribed a null'), drop],
        ['1', does((page) => page.subscribe('a', { after: 't.5' })), page('gap a')],
    ], ['gap a']],

    ['without events for everybody nothing is told of them', { everybody: false }, ['a'], [
        [undefined, says(welcome('1')), asked(['a'], undefined, { recovered: null }), page('subscribed a null'), drop],
        ['1', says(welcome('7', false)), asked(['a'], '1', { recovered: false }), page('subscribed a false'), page('gap a'),
            does(({ log }) => assert(!log.some((line) => line.includes('*')), log.join()))],
    ], ['gap a']],
];

for (const [name, options, channels, connections, story] of SCENARIOS) {
    test(name, async (t) => {
        const script = await Script.start();
        const page = new Page(script.url, options);
        t.after(() => { page.client.close(); return script.stop(); });
        page.leave = Object.fromEntries(channels.map((channel) => [channel, page.subscribe(channel)]));
        for (const [after, ...steps] of connections) {
            const peer = await script.next();
            assert.equal(peer.after, after);
            for (const step of steps) await step(peer, page);
        }
        await page.until(() => page.story.length >= story.length);
        assert.deepEqual(page.story, story);
    });
}

test('of the last 1,000 events a repeat is known', async (t) => {
    const script = await Script.start();
    const page = new Page(script.url);
    t.after(() => { page.client.close(); return script.stop(); });
    const peer = await script.next();
    peer.say(welcome('0'));
    for (let id = 1; id <= 1001; id++) peer.say(event(`${id}`));
    for (const id of ['2', '1001', '1', 'end']) peer.say(event(id));
    await page.has('*:end');
    assert.deepEqual(page.story.slice(1001), ['*:1', '*:end']);
});

test('a handler that throws stops neither the others nor the position', async (t) => {
    const script = await Script.start();
    const page = new Page(script.url);
    t.after(() => { page.client.close(); return script.stop(); });
    const thrown = new Promise((resolve) => { globalThis.reportError = resolve; });
    t.after(() => { delete globalThis.reportError; });
    page.client.everybody(() => { throw new Error('of the page'); });
    const peer = await script.next();
    peer.say(welcome('0'));
    peer.say(event('1'));
    assert.equal((await thrown).message, 'of the page');
    peer.drop();
    assert.equal((await script.next()).after, '1');
});
