// How a text is shown in a transcript: JSON with sorted keys, without what differs from run to run or from server to
// server without meaning. A string that holds JSON is shown as {"$text": ...}, so that it is told from an object.

const SIGNATURE = /^([^:]+):[0-9a-f]{64}$/;

/** What stands for a value with this key. */
const SHOWN = {
    activity_timeout: (value) => (Number.isInteger(value) && value > 0 ? '<seconds>' : value),
    auth: (value) => (typeof value === 'string' ? value.replace(SIGNATURE, '$1:<signature>') : value),
    nonce: () => '<nonce>',
    ciphertext: () => '<ciphertext>',
    ids: (value) => (Array.isArray(value) ? [...value].sort() : value),
    users: (value) => (Array.isArray(value) ? [...value].sort((one, other) => (one.id < other.id ? -1 : 1)) : value),
    acknowledgement_id: () => '<id>',
    ttl: (value) => (Number.isInteger(value) && value > 0 ? '<seconds>' : value),
    // Texts for people: their words are the server's own.
    message: (value, parent) => (isError(parent) && typeof value === 'string' && value ? '<text>' : value),
    error: (value) => (typeof value === 'string' && value ? '<text>' : value),
};

const isError = (value) => 'code' in value || 'message' in value;

export const line = (text) => {
    const value = parsed(text);
    return value === undefined ? text : JSON.stringify(shown(value));
};

const shown = (value) => {
    if (typeof value === 'string') {
        const inside = parsed(value);
        return inside === undefined ? value : { $text: shown(inside) };
    }
    if (Array.isArray(value)) return value.map(shown);
    if (value === null || typeof value !== 'object') return value;
    const pairs = Object.keys(value)
        .sort()
        .map((key) => [key, shown(SHOWN[key] ? SHOWN[key](value[key], value) : value[key])]);
    return Object.fromEntries(pairs);
};

/** The object or array that a text holds. */
const parsed = (text) => {
    if (!/^\s*[[{]/.test(text)) return undefined;
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
};
