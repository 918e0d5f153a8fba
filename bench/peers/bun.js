// A peer: the uWebSockets in Bun. It sends everything that is published to a client in one turn of its loop in one write. The messages
// are lines over TCP: bun bun.js. Ends with its standard input.

const LOOPBACK = '127.0.0.1';
const CHANNEL = 'bench';

const server = Bun.serve({
    hostname: LOOPBACK,
    port: 0,
    fetch: (request, http) => (http.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: { perMessageDeflate: false, open: (client) => client.subscribe(CHANNEL), message: () => {} },
});

const feed = Bun.listen({
    hostname: LOOPBACK,
    port: 0,
    socket: {
        open: (connection) => (connection.data = ''),
        data: (connection, bytes) => {
            const lines = (connection.data + bytes.toString('latin1')).split('\n');
            connection.data = lines.pop();
            lines.forEach((line) => server.publish(CHANNEL, line));
        },
    },
});

console.log(`clients ${LOOPBACK}:${server.port}`);
console.log(`feed ${LOOPBACK}:${feed.port}`);
process.stdin.on('end', () => process.exit()).resume();
