// The two ways to a server. Both give the messages of the protocol; what an event stream tells in its own way is translated.
//
// A transport is opened with `{ onMessage, onEnd }`. `onEnd(code, reason, pause)` comes once, with the close code of the
// WebSocket or the one that means the same, and the pause in ms that the server asks for. Nothing comes after `close()`.

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
 * proxies keep it.
 */
export function openEventStream(url, { fetch }, token, { onMessage, onEnd }) {
    const abort = new AbortController();
    let pause = 0, isWelcome = false;

    function onBlock({ event, id, data, retry }) {
        if (/^\d+$/.test(retry)) pause = Number(retry);
        if (id === undefined) return;
        const isGap = event === 'gap';
        if (!isWelcome) {
            isWelcome = true;
            // A heartbeat comes every 25 s; the stream does not say so.
            onMessage({ type: 'welcome', ping_interval: 25, id, recovered: !isGap });
        } else {
            onMessage(isGap ? { type: 'gap', id } : data === undefined ? { type: 'heartbeat', id } : JSON.parse(data));
        }
    }

    async function run() {
        const headers = { Accept: 'text/event-stream' };
        if (token) headers.Authorization = `Bearer ${token}`;
        const options = { headers, signal: abort.signal, credentials: 'include', cache: 'no-store' };
        const answer = await fetch(at(url, 'http'), options);
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
