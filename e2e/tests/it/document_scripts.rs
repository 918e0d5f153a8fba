//! The JavaScript of the documents, each block in a page of Chromium: with a real broadcaster, and the scripts of a site.

use testkit::{Broadcaster, INTERVAL, QueueDir, within};

use crate::docs::{Block, blocks};
use crate::harness::{Browser, Page, PhpServer, pusher, queue_dir, secret};

const SIZE: (u32, u32) = (390, 844);

/// Names that a block takes from the page that it is a part of, and what they are here.
const TAKEN: [(&str, &str); 9] = [
    (
        "client",
        "const { FastapiClient: Client } = await import('/fastapi-client/src/fastapi-client.js');
         const client = new Client('/ws', { token: async () => (await fetch('/token')).text() });",
    ),
    ("token", "const token = await (await fetch('/token')).text();"),
    ("FastapiClient", "const { FastapiClient } = await import('/fastapi-client/src/fastapi-client.js');"),
    ("apply", "const apply = console.log;"),
    ("show", "const show = (shown) => console.log([...(shown.values?.() ?? [shown])]);"),
    ("update", "const update = console.log;"),
    ("reload", "const reload = console.warn;"),
    ("fetchAnew", "const fetchAnew = console.warn;"),
    ("after", ""),
];

/// What uses a block that only defines something, or subscribes to nothing.
const USES: [(&str, &str); 4] = [
    (
        "export function followStream(",
        "followStream('https://example.com/events?channel=orders', console.log, console.warn);",
    ),
    ("export function follow(", "follow('wss://example.com/ws', ['orders'], console.log);"),
    ("key: 'the-old-key'", "window.Echo.channel('orders').listen('.order.created', (order) => console.log(order));"),
    ("{ token, tokenInUrl", "client.everybody(console.log);"),
];

struct Site {
    browser: Browser,
    server: PhpServer,
    broadcaster: Broadcaster,
    _queue: QueueDir,
}

impl Site {
    async fn start() -> Site {
        let queue = queue_dir();
        let broadcaster = pusher::start_with_tokens(&queue, &secret::file(&queue)).await;
        let app = [pusher::APP_KEY, pusher::APP_SECRET];
        let server = PhpServer::start_document_site(&queue, broadcaster.address().port(), app).await;
        Site { browser: Browser::start().await, server, broadcaster, _queue: queue }
    }

    async fn open(&self) -> Page {
        self.browser.open(&format!("http://{}/", self.server.address()), SIZE).await
    }

    /// The addresses of the documents are those of this site and its broadcaster.
    fn substitute(&self, script: &str) -> String {
        let address = self.broadcaster.address();
        let port = format!("wsPort: {}", address.port());
        [
            ("wss://example.com/ws", format!("ws://{address}/")),
            ("wss://${location.host}/ws", format!("ws://{address}/")),
            ("https://example.com/events", format!("http://{address}/events")),
            ("127.0.0.1:8081", address.to_string()),
            ("Client('/ws'", format!("Client('ws://{address}/'")),
            ("'./fastapi-client/", "'/fastapi-client/".to_owned()),
            ("'<?= $after ?>'", "after".to_owned()),
            ("'example.com'", "'127.0.0.1'".to_owned()),
            ("wsPort: 8081", port.clone()),
            ("wsPort: 80,", format!("{port},")),
            ("forceTLS: true", "forceTLS: false".to_owned()),
            ("shop-key", pusher::APP_KEY.to_owned()),
            ("the-old-key", pusher::APP_KEY.to_owned()),
        ]
        .into_iter()
        .fold(script.to_owned(), |script, (from, to)| script.replace(from, &to))
    }

    /// The block as a module, with what is around it in the page that the document has in mind.
    fn module(&self, text: &str) -> String {
        let used: Vec<&str> = USES.iter().filter(|(block, _)| text.contains(block)).map(|(_, line)| *line).collect();
        let whole = format!("{text}\n{}", used.join("\n"));
        let taken =
            TAKEN.iter().filter(|(name, _)| uses(&whole, name) && !declares(&whole, name)).map(|(_, line)| *line);
        // A token is asked for where the client can renew it, and is a text in an address.
        let taken = taken.map(|line| match whole.contains("{ token,") {
            true if line.starts_with("const token") => "const token = async () => (await fetch('/token')).text();",
            _ => line,
        });
        let prelude: Vec<&str> = taken.collect();
        self.substitute(&format!("{}\n{whole}", prelude.join("\n")))
    }
}

/// Whether a name is in a script as a word of its own, and not as a key.
fn uses(script: &str, name: &str) -> bool {
    script.match_indices(name).any(|(at, _)| {
        let before = script[..at].chars().next_back().unwrap_or(' ');
        let after = script[at + name.len()..].chars().next().unwrap_or(' ');
        let joins = |letter: char, others: &str| letter.is_alphanumeric() || others.contains(letter);
        !joins(before, "._-'`/") && !joins(after, "_':=-")
    })
}

fn declares(script: &str, name: &str) -> bool {
    [format!("const {name} "), format!("let {name} "), format!("function {name}("), format!("import {{ {name} }}")]
        .iter()
        .any(|declaration| script.contains(declaration.as_str()))
}

/// The scripts of the documents: blocks of JavaScript, and the modules in blocks of HTML.
fn scripts() -> Vec<Block> {
    let mut scripts = blocks("js");
    for mut block in blocks("html") {
        let Some((_, script)) = block.text.split_once("<script type=\"module\">") else { continue };
        block.text = script.split("</script>").next().unwrap_or_default().to_owned();
        scripts.push(block);
    }
    scripts
}

/// Loads a module into a page, publishes until the page has got an event, and returns the page.
async fn run(site: &Site, block: &Block) -> Page {
    let mut page = site.open().await;
    let module = serde_json::to_string(&site.module(&block.text)).unwrap();
    let load = format!(
        "document.head.append(Object.assign(document.createElement('script'), {{ type: 'module', textContent: {module} }}))"
    );
    page.evaluate(&format!("void {load}")).await;
    let look = async {
        // Each time again: how long a script takes to subscribe is not known.
        while page.evaluate(&format!("site.publish().then(() => {})", got(&block.text))).await != true {
            assert_eq!(page.problems(), [""; 0], "{}", block.place);
            tokio::time::sleep(INTERVAL).await;
        }
    };
    within(&format!("an event comes to the script of {}", block.place), look).await;
    page
}

/// What is true when an event has come, and was printed if the script prints what it gets.
fn got(script: &str) -> &'static str {
    match script {
        _ if script.contains("({ members }) => console.log(members)") => {
            "site.received.length > 0 && site.logged.some((line) => line.includes('\"42\"'))"
        }
        _ if script.contains("console.log(") => {
            "site.received.length > 0 && site.logged.some((line) => line.includes('4711'))"
        }
        _ => "site.received.length > 0",
    }
}

#[tokio::test]
async fn each_script_connects_and_gets_events_without_an_error() {
    let site = Site::start().await;
    let scripts = scripts();
    assert!(scripts.len() > 20, "only {} scripts", scripts.len());
    for block in scripts {
        let mut page = run(&site, &block).await;
        let complaints = page.evaluate("site.complaints").await;
        assert_eq!(complaints, serde_json::json!([]), "{}", block.place);
        assert_eq!(page.problems(), [""; 0], "{}", block.place);
    }
}

#[tokio::test]
async fn an_event_that_arrives_while_the_state_is_fetched_is_not_overwritten() {
    let site = Site::start().await;
    let mut scripts = scripts();
    scripts.retain(|block| block.text.contains("fetch('/api/orders')"));
    let [block] = &mut scripts[..] else { panic!("{} scripts fetch the orders", scripts.len()) };
    // What was read before the event is answered after it.
    let slow = "window.fetch = async () => {
        while (site.received.length === 0) await new Promise((resume) => setTimeout(resume, 5));
        return new Response('[{\"id\":4711,\"status\":\"old\"},{\"id\":1,\"status\":\"old\"}]');
    };";
    block.text = format!("{slow}\n{}", block.text);
    let mut page = run(&site, block).await;
    page.wait_for("site.logged.some((line) => line.includes('\"id\":1,'))").await;
    let last = page.evaluate("site.logged.at(-1)").await;
    assert_eq!(last, r#"[{"id":4711,"status":"new"},{"id":1,"status":"old"}]"#);
}
