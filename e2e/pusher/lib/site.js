// What a site does: signs for its users, and publishes over HTTP. It uses Pusher's library for Node, and signs by
// itself what that would not send.

import { createHash, createHmac } from 'node:crypto';
import PusherServer from 'pusher';

export class Site {
    #transcript;

    constructor(transcript, { host, port, appId, key, secret }) {
        this.#transcript = transcript;
        Object.assign(this, { host, port, appId, key, secret });
        const encryptionMasterKeyBase64 = Buffer.alloc(32, 'k').toString('base64');
        this.pusher = new PusherServer({
            appId,
            key,
            secret,
            host,
            port: String(port),
            useTLS: false,
            encryptionMasterKeyBase64,
        });
    }

    /** What the endpoint for channels answers. A user that is called "forger" gets a wrong signature. */
    authorize(socketId, channel, user) {
        const data = channel.startsWith('presence-')
            ? { user_id: user, user_info: { name: `Name of ${user}` } }
            : undefined;
        return this.#forged(user, this.pusher.authorizeChannel(socketId, channel, data));
    }

    /** What the endpoint for users answers. */
    authenticate(socketId, user) {
        return this.#forged(user, this.pusher.authenticateUser(socketId, { id: user, name: `Name of ${user}` }));
    }

    #forged(user, answer) {
        return user === 'forger' ? { ...answer, auth: `${this.key}:${'0'.repeat(64)}` } : answer;
    }

    sign(text) {
        return createHmac('sha256', this.secret).update(text).digest('hex');
    }

    /** Calls a method of Pusher's library, and writes down what was answered. */
    async calls(method, ...args) {
        const asked = `${method} ${JSON.stringify(args)}`;
        const [status, body] = await this.pusher[method](...args).then(
            async (response) => [response.status, await response.text()],
            (error) => [error.status ?? error.message, error.body ?? ''],
        );
        this.#note(asked, status, body);
    }

    publishes(channels, event, data, parameters) {
        return this.calls('trigger', channels, event, data, parameters);
    }

    /** Sends a signed request, and writes down what was answered. `change` may change it after it was signed. */
    async requests(
        name,
        {
            method = 'POST',
            path = '/events',
            app = this.appId,
            query = {},
            body,
            at = Date.now(),
            change = (all) => all,
        },
    ) {
        const target = `/apps/${app}${path}`;
        const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
        const all = { auth_key: this.key, auth_timestamp: Math.floor(at / 1000), auth_version: '1.0', ...query };
        if (text !== undefined) all.body_md5 = createHash('md5').update(text).digest('hex');
        const signed = Object.keys(all)
            .sort()
            .map((key) => `${key.toLowerCase()}=${all[key]}`)
            .join('&');
        all.auth_signature = this.sign(`${method}\n${target}\n${signed}`);
        const changed = change({ method, target, query: all, text });
        const url = `http://${this.host}:${this.port}${changed.target}?${new URLSearchParams(changed.query)}`;
        const headers = changed.text === undefined ? {} : { 'Content-Type': 'application/json' };
        // A server may answer a large body before it has read it, and then close.
        const [status, answer] = await fetch(url, { method: changed.method, headers, body: changed.text }).then(
            async (response) => [response.status, await response.text()],
            ({ cause }) => [`no answer (${cause?.code ?? cause})`, ''],
        );
        this.#note(name, status, answer);
        return [status, answer];
    }

    #note(what, status, body) {
        this.#transcript.add('site', '>', what);
        // Texts of refusals are for people.
        const shown = Number(status) >= 400 ? '<text>' : body;
        this.#transcript.add('site', '<', `${status}`);
        this.#transcript.add('site', '<', shown);
    }
}
