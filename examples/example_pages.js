// What the pages of the examples share: requests to their API, login and logout, and what they show of the connection,
// of gaps and of failures.

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

/**
 * Lets users log in by the buttons that name one, and log out. Calls `begin` when somebody has logged in, and now, for
 * who is logged in already; calls `end` with the reason when nobody is.
 */
function beginWithLogin(begin, end) {
    for (const button of document.querySelectorAll("[data-user]")) {
        button.addEventListener("click", () => attempt(call("POST", "login", { user: button.dataset.user }).then(begin)));
    }
    byId("logout").addEventListener("click", () => attempt(call("POST", "logout", {}).then(() => end("logged out"))));
    attempt(begin().catch((error) => {
        if (error.status !== 401) throw error;
        // Somebody may have logged in meanwhile.
        if (byId("in").hidden) end("nobody is logged in");
    }));
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
