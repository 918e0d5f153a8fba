//! `examples/two_servers`: what one server takes, the pages of the other one show; when one is stopped, its pages go on at
//! the other one.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::{EventStream, INTERVAL, Process, Signal, eventually, temporary_directory, within};

use crate::harness::{Browser, Page, built, example_script, fits};

const PHONE: (u32, u32) = (390, 844);
const IS_LIVE: &str = "document.querySelector('#state').innerText === 'live'";

/// What the script has printed.
struct Started {
    process: Process,
    both: String,
    /// The address of each server, and the processes to end to stop it.
    servers: Vec<(String, Vec<String>)>,
}

impl Started {
    async fn start(temporary: &Path) -> Started {
        let mut command = example_script("two_servers/run", temporary);
        command
            .env("PORT", "0")
            .env("NGINX", built::server_program("nginx"))
            .env("REDIS_SERVER", built::server_program("redis-server"));
        let mut process = Process::spawn(&mut command);
        process
            .line("it says how to stop it", |line| line.contains("Ctrl-C stops").then_some(()))
            .await
            .expect("it starts");
        let printed = process.stdout();
        let address = |name: &str| {
            let line = printed.iter().find_map(|line| line.trim().strip_prefix(name)).expect("a line of it");
            line.trim().to_owned()
        };
        let server = |name: &str| {
            let (url, processes) =
                address(name).split_once("stop it:  kill ").map(|(url, ids)| (url.to_owned(), ids.to_owned())).unwrap();
            (url.trim().to_owned(), processes.split(' ').map(str::to_owned).collect())
        };
        let both = address("Both").split(' ').next().unwrap().to_owned();
        let servers = vec![server("Server A"), server("Server B")];
        Started { process, both, servers }
    }

    /// Returns when the servers know what was published after a moment that a page of now names. For the seconds by
    /// which clocks may differ, a broadcaster that has just started cannot know it, and tells of a gap.
    async fn know_moments(&self) {
        for (url, _) in &self.servers {
            let address: SocketAddr = url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
            let ask = async {
                loop {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
                    // Asks as a client of HTTP/1.0, whose answer is not in chunks.
                    let request = format!(
                        "GET /ws?after=t.{now} HTTP/1.0\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n"
                    );
                    let mut stream = EventStream::request(address, &request).await;
                    let first = stream.block().await.expect("an answer");
                    if first.event.as_deref() != Some("gap") {
                        break;
                    }
                    tokio::time::sleep(INTERVAL).await;
                }
            };
            within("no gap after a moment of now", ask).await;
        }
    }

    /// Stops a server as the script has printed it.
    async fn stop(&self, server: usize) {
        let mut kill = Process::spawn(Process::command("kill").args(&self.servers[server].1));
        assert!(kill.exit().await.success(), "{:?}", kill.stderr());
        let are_gone = || self.servers[server].1.iter().all(|id| !Path::new("/proc").join(id).exists());
        eventually("its processes are gone", are_gone).await;
    }
}

#[tokio::test]
async fn an_order_of_one_server_is_on_the_pages_of_the_other_and_pages_survive_a_server() {
    let temporary = temporary_directory();
    let mut started = Started::start(temporary.path()).await;
    started.know_moments().await;
    let browser = Browser::start().await;
    let mut ann = open(&browser, &started.servers[0].0, "ann").await;
    let mut shop = open(&browser, &started.servers[1].0.replace("127.0.0.1", "localhost"), "shop").await;
    ann.click("#form button").await;
    shop.wait_for("document.querySelector('#orders').innerText.includes('1. Tea for ann')").await;
    shop.click("#orders button").await;
    ann.wait_for("document.querySelector('#orders').innerText.includes('packed')").await;

    // Two pages behind the address of both: nginx brings each to the server that has fewer.
    let mut pages = Vec::new();
    for _ in 0..2 {
        let mut page = browser.open(&started.both, PHONE).await;
        page.wait_for(IS_LIVE).await;
        page.evaluate(
            "window.breaks = 0, window.lists = 0, window.asked = fetch,
             new MutationObserver(() => { breaks += byId('state').dataset.state === 'waiting'; })
                 .observe(byId('state'), { attributes: true, attributeFilter: ['data-state'] }),
             window.fetch = (...given) => { lists += given[1]?.method === 'GET' && given[0] === 'api/orders';
                 return asked(...given); }",
        )
        .await;
        pages.push(page);
    }
    started.stop(0).await;
    let [first, second] = &mut pages[..] else { unreachable!() };
    // Ordered by one of them, as soon as PHP is asked: that of the server that is left.
    first.click("#form button").await;
    for page in [&mut *first, &mut *second] {
        page.wait_for("document.querySelector('#orders').innerText.includes('2. Tea')").await;
        page.wait_for(IS_LIVE).await;
        assert_eq!((page.text("#gap").await, page.text("#problem").await), (String::new(), String::new()));
        assert_eq!(page.evaluate("lists").await, 0, "it has the order by an event");
        assert_eq!(page.problems(), [""; 0]);
    }
    let breaks = [first.evaluate("breaks").await, second.evaluate("breaks").await];
    assert!(breaks.contains(&0.into()) && breaks.iter().any(|breaks| *breaks != 0), "one page was at each: {breaks:?}");
    // The page of the server that is left has it as well.
    shop.wait_for("document.querySelector('#orders').innerText.includes('2. Tea for ann')").await;
    assert_eq!(shop.problems(), [""; 0]);

    started.process.signal(Signal::INT);
    assert_eq!(started.process.exit().await.code(), Some(0), "{:?}", started.process.stderr());
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0, "it leaves nothing");
    let address = started.both.trim_start_matches("http://").trim_end_matches('/');
    assert!(std::net::TcpStream::connect(address).is_err(), "{address} still answers");
}

#[tokio::test]
async fn it_says_what_is_not_installed() {
    let temporary = temporary_directory();
    let mut command = example_script("two_servers/run", temporary.path());
    let mut process = Process::spawn(command.env("REDIS_SERVER", "no-such-redis-server"));
    assert_eq!(process.exit().await.code(), Some(1));
    assert!(process.stderr()[0].contains("no-such-redis-server is not installed"), "{:?}", process.stderr());
}

/// Opens the page of a server, and logs in there.
async fn open(browser: &Browser, url: &str, user: &str) -> Page {
    let mut page = browser.open(url, PHONE).await;
    fits(&mut page).await;
    page.click(&format!("[data-user={user}]")).await;
    page.wait_for(IS_LIVE).await;
    page
}
