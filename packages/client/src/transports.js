// The two ways to a server. Both give the messages of the protocol; what an event stream tells in its own way is translated.
//
// A transport is opened with `{ onMessage, onEnd }`. `onEnd(code, reason, pause)` comes once, with the close code of the
// WebSocket or the one that means the same, and the pause in ms that the server asks for. Nothing comes after `close()`.

/** The close codes that mean the same. 4400 is ours alone: the server closes no WebSocket with it. */
const CODES = { 400: 4400, 401: 4401, 403: 4403, 429: 1013, 503: 1013 };

/** Opens a WebSocket. `send(command)` sends a command. A token is in the URL, or is sent by a command. */
export function openWebSocket(url, { WebSocket }, token, { onMessage, onEnd }) {
    const socket = new WebSocket(at(url, 'ws'), 'fastapi.v1');
    let isOver = false;
    socket.onmessage = ({ data }) => isOver || onMessage(parse(data));
    socket.onclose = ({ code, reason }) => isOver || onEnd(code, reason, 0);
    socket.onerror = () => {};  // `close` follows, and says as much.
    return {
        send: (command) => socket.send(JSON.stringify(command)),
        close() {
            isOver = true;
            socket.close(1000);
        },
    };
}

/**
 * Opens an event stream. By fetch(), because EventSource tells no status and would send the token in the URL, where logs of
 * proxies keep it. Cookies go to the same origin only: browsers refuse an answer to a page of another origin that sends
 * them, unless the server names that origin, and a server that allows all origins (`*`) does not.
 */
export function openEventStream(url, { fetch, withCredentials }, token, { onMessage, onEnd }) {
    const abort = new AbortController();
    let pause = 0, isWelcome = false;

    function onBlock({ event, id, data, retry }) {
        if (/^\d+$/.test(retry)) pause = Number(retry);
        if (id === undefined) return;
        const isGap = event === 'gap';
        if (!isWelcome) {
            isWelcome = true;
            // The stream does not say how often heartbeats come. 25 s is the server's default (`ping_interval_secs`).
            onMessage({ type: 'welcome', ping_interval: 25, id, recovered: !isGap });
        } else {
            onMessage(isGap ? { type: 'gap', id } : data === undefined ? { type: 'heartbeat', id } : JSON.parse(data));
        }
    }

    async function run() {
        const headers = { Accept: 'text/event-stream' };
        if (token) headers.Authorization = `Bearer ${token}`;
        const credentials = withCredentials ? 'include' : 'same-origin';
        const answer = await fetch(at(url, 'http'), { headers, signal: abort.signal, credentials, cache: 'no-store' });
        const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream');
        if (!answer.ok || !isStream) {
            pause = 1000 * (Number(answer.headers.get('retry-after')) || 0);
            abort.abort();
            return onEnd(CODES[answer.status] ?? 1006, `status ${answer.status}`, pause);
        }
        const reader = answer.body.getReader(), decoder = new TextDecoder();
        let rest = '', block = {};
        for (let read; !(read = await reader.read()).done;) {
            const lines = (rest + decoder.decode(read.value, { stream: true })).split('\n');
            rest = lines.pop();
            for (const line of lines) {
                if (abort.signal.aborted) return;
                // "name: value", the space and a CR at the end left out. A comment has no name. It matches every line.
                const [, name, value] = /^([^:\r]*):? ?([^]*?)\r?$/.exec(line);
                if (name === 'data' && block.data !== undefined) block.data += `\n${value}`;
                else if (name) block[name] = value;
                else if (/^\r?$/.test(line)) {
                    onBlock(block);
                    block = {};
                }
            }
        }
        // A server that cannot take this client now says when to come back, and nothing else.
        onEnd(!isWelcome && pause > 0 ? 1013 : 1006, 'the stream has ended', pause);
    }

    run().catch((error) => abort.signal.aborted || onEnd(1006, error.message, pause));
    return { close: () => abort.abort() };
}

/** The handler of a PHP server may send anything to its client. */
function parse(data) {
    try {
        return Object(JSON.parse(data));
    } catch {
        return {};
    }
}

/** The same address in another scheme, secure if it was. */
function at(url, scheme) {
    const copy = new URL(url);
    copy.protocol = copy.protocol.replace(/^(ws|http)/, scheme);
    return copy.href;
}
