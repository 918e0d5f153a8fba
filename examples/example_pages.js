// What the pages of guest_book.php, order_dashboard.php, chat_rooms.php and live_counter.php share: requests to their
// API, and what they show of the connection, of gaps and of failures.

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

/** A token for FastapiClient. Null if the session has no user. */
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

/** Shows what a client of packages/client tells. `load` gets the page's data anew, for what the client cannot get. */
function showClient(client, load) {
    client.on("state", ({ state, reason }) => showState(state, reason));
    client.on("error", ({ message }) => { byId("problem").textContent = message; });
    client.on("gap", () => load().then(
        () => showGap("Some messages were missed. The list was loaded again."),
        () => showGap("Some messages were missed. Reload the page."),
    ));
}

/** Shows what becomes of the connection: the states are those of FastapiClient. */
function showState(state, why) {
    byId("state").textContent = state === "connected" ? "live" : why || state;
    byId("state").dataset.state = state;
}

function showGap(text) {
    byId("gap").textContent = `${new Date().toLocaleTimeString()}: ${text}`;
}

/** Waits for what was begun, and shows why it failed. */
async function attempt(what) {
    byId("problem").textContent = "";
    await what.catch((error) => { byId("problem").textContent = error.message; });
}
