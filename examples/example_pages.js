// What the pages of order_dashboard.php, chat_rooms.php and live_counter.php share: requests to their API, and what they show
// of the connection and of failures.

"use strict";

const byId = (id) => document.getElementById(id);

/** Asks the API of the example. */
async function call(method, path, body) {
    const response = await fetch(`api/${path}`, {
        method,
        headers: { "Content-Type": "application/json" },
        body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
    return answer;
}

/** A token for ChannelClient. Null if the session has no user: then the client stops. */
async function token() {
    return call("GET", "token").then(({ token }) => token, (error) => {
        if (error.status === 401) return null;
        throw error;
    });
}

/** The broadcaster's address, which example_support.php knows. */
async function websocketUrl() {
    return (await (await fetch("config.json")).json()).websocketUrl;
}

/** Shows what becomes of the connection: the states are those of ChannelClient. */
function showState(state, why) {
    byId("state").textContent = state === "open" ? "live" : why || state;
    byId("state").dataset.state = state;
}

/** Waits for what was begun, and shows why it failed. */
async function attempt(what) {
    byId("problem").textContent = "";
    await what.catch((error) => { byId("problem").textContent = error.message; });
}
