// Where our server says something else than the one that was recorded, with the reason of each. `RULES` hold for every
// line, `DIFFERENCES` for lines of one part of a scenario.

import { CLIENT_EVENTS } from './differences/client_events.js';
import { CONNECTING } from './differences/connecting.js';
import { HTTP } from './differences/http.js';
import { MESSAGES } from './differences/messages.js';
import { SUBSCRIPTIONS } from './differences/subscriptions.js';

export { RULES } from './differences/rules.js';
export const DIFFERENCES = [SUBSCRIPTIONS, CONNECTING, MESSAGES, CLIENT_EVENTS, HTTP].flat();
