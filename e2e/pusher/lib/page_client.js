// A client with the real pusher-js, as in a page.

import { AsyncLocalStorage } from 'node:async_hooks';
import PusherJs from 'pusher-js';

import { Log } from './log.js';
import { RecordedSocket } from './socket.js';

// pusher-js makes its socket later, by the class that it is given here: this says for which client.
const client = new AsyncLocalStorage();
PusherJs.Runtime.getWebSocketAPI = () =>
    function (url) {
        return new RecordedSocket(url, client.getStore().log);
    };
PusherJs.logToConsole = false;

export class PageClient {
    /** Who names the user; of several tabs of a user each has its own part. */
    constructor(transcript, part, site, user) {
        this.log = new Log(transcript, part);
        this.user = user;
        const sign = (make) => (parameters, callback) => callback(null, make(parameters));
        const options = {
            cluster: '',
            wsHost: site.host,
            wsPort: site.port,
            forceTLS: false,
            enabledTransports: ['ws'],
            enableStats: false,
            channelAuthorization: {
                customHandler: sign(({ socketId, channelName }) => site.authorize(socketId, channelName, user)),
            },
            userAuthentication: { customHandler: sign(({ socketId }) => site.authenticate(socketId, user)) },
        };
        client.run(this, () => (this.pusher = new PusherJs(site.key, options)));
        this.pusher.connection.bind('error', () => {});
    }

    /** Subscribes, and writes down what the page gets. */
    subscribe(name) {
        const channel = this.pusher.subscribe(name);
        channel.bind_global((event, data) => this.log.delivers(name, event, data));
        return channel;
    }

    /** The same, and waits until it is subscribed. */
    async joins(name) {
        const channel = this.subscribe(name);
        await this.gets('pusher_internal:subscription_succeeded');
        return channel;
    }

    /** Logs in as the user, and waits for the user's own channel. */
    async signsIn() {
        this.pusher.signin();
        this.pusher.user.bind_global((event, data) => this.log.delivers('user', event, data));
        await this.gets('pusher:signin_success');
        await this.gets('pusher_internal:subscription_succeeded');
    }

    gets(...names) {
        return this.log.gets(...names);
    }

    isClosed() {
        return this.log.isClosed();
    }

    async isRead() {
        this.pusher.connection.send_event('pusher:ping', {});
        await this.gets('pusher:pong');
    }

    /** Waits until the server has read all that was sent, or has closed the connection. */
    async isDone() {
        this.pusher.connection.send_event('pusher:ping', {});
        const isDone = () => this.log.closed !== undefined || this.log.hasGot('pusher:pong');
        await this.log.until('a pong or the end', isDone);
    }

    end() {
        this.log.quiet();
        this.pusher.disconnect();
    }
}
