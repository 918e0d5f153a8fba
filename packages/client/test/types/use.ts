// What a page may write. Each `@ts-expect-error` is an error if the line below it has none.
import { FastapiClient, type FastapiEvent } from 'fastapi-client';

const client = new FastapiClient('/ws', { after: 't.1', token: async () => 'x', transports: ['sse'], everybody: false, withCredentials: true });
const leave: () => void = client.subscribe<{ id: number }>('orders', ({ payload, channel }) => [payload.id.toFixed(), channel?.length]);
client.subscribe('orders', (event: FastapiEvent) => event.payload.anything, { after: 't.2' });
client.everybody(({ id }) => id.length);
client.on('state', ({ state, transport, code }) => [state === 'waiting', transport === 'sse', code?.toFixed()]);
client.on('gap', ({ channels }) => channels.map((channel) => channel?.length ?? 0));
client.on('error', ({ code, message, channels }) => [code.toFixed(), message.length, channels?.length]);
const id: string | null = client.id;
client.authenticate().then(leave);
client.close();
client.connect();

// @ts-expect-error there is no such event
client.on('gaps', () => {});
// @ts-expect-error a handler is needed
client.subscribe('orders');
// @ts-expect-error it is read only
client.id = id;
// @ts-expect-error there is no such transport
new FastapiClient('/ws', { transports: ['polling'] });
// @ts-expect-error the channel may be null
client.on('gap', ({ channels }) => channels[0].length);
