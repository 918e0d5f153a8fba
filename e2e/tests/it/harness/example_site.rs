//! An example of `examples` that is one script and its page: PHP, a broadcaster, and a browser whose line can be cut.

use std::process::Command;

use testkit::{Broadcaster, Process, QueueDir, Signal};
use tokio::sync::OnceCell;

use super::{Browser, Line, Page, PhpServer, Session, broadcaster, php, queue_dir};

/// A phone.
const SIZE: (u32, u32) = (390, 844);

pub(crate) struct ExampleSite {
    /// Begins with the first page.
    browser: OnceCell<Browser>,
    server: PhpServer,
    /// Between the pages and the broadcaster.
    pub(crate) line: Line,
    pub(crate) broadcaster: Broadcaster,
    public: &'static str,
    pub(crate) queue: QueueDir,
}

impl ExampleSite {
    /// Starts one; `public` are the channels that need no token.
    pub(crate) async fn start(script: &str, public: &'static str) -> ExampleSite {
        Self::start_with(script, public, &[]).await
    }

    /// The same with further arguments of the broadcaster.
    pub(crate) async fn start_with(script: &str, public: &'static str, args: &[&str]) -> ExampleSite {
        let queue = queue_dir();
        let args = [&["--admin-listen", "127.0.0.1:0"], args].concat();
        let mut broadcaster = broadcaster::start_with_tokens_on(&queue, public, "127.0.0.1:0", &args).await;
        let admin = format!("http://{}", broadcaster::admin_address(&mut broadcaster).await);
        let line = Line::to(broadcaster.address()).await;
        let server = PhpServer::start_with(script, &queue, line.address().port(), &[("ADMIN_URL", &admin)]).await;
        ExampleSite { browser: OnceCell::new(), server, line, broadcaster, public, queue }
    }

    /// Somebody in another browser.
    pub(crate) async fn log_in(&self, user: &str) -> Session {
        Session::log_in(self.server.address(), "/", user).await
    }

    pub(crate) async fn stop_broadcaster(&mut self, signal: Signal) {
        self.broadcaster.signal(signal);
        self.broadcaster.exit().await;
    }

    /// Starts the broadcaster again on its address.
    pub(crate) async fn start_broadcaster(&mut self, args: &[&str]) {
        let address = self.broadcaster.address().to_string();
        self.broadcaster = broadcaster::start_with_tokens_on(&self.queue, self.public, &address, args).await;
    }

    /// Opens the page under a name of this machine: cookies of one name are not sent to another.
    pub(crate) async fn open(&self, host: &str) -> Page {
        let browser = self.browser.get_or_init(Browser::start).await;
        let mut page = browser.open(&format!("http://{host}:{}/", self.server.address().port()), SIZE).await;
        fits(&mut page).await;
        page
    }

    /// The script on the command line.
    pub(crate) fn in_a_shell(&self, script: &str, args: &[&str]) -> Command {
        let mut command = php::example(script);
        command.env("EVENT_QUEUE_PATH", self.queue.path()).env("EXAMPLE_DATA", self.queue.root()).args(args);
        command
    }

    /// Publishes from the shell.
    pub(crate) async fn publish(&self, args: &[&str]) {
        let mut command = broadcaster::command(["publish"]);
        ran(command.args(args).arg("--queue").arg(self.queue.path())).await;
    }
}

/// Nobody has to scroll sideways.
pub(crate) async fn fits(page: &mut Page) {
    assert_eq!(page.evaluate("document.documentElement.scrollWidth").await, SIZE.0);
}

/// Runs a command, which must succeed.
pub(crate) async fn ran(command: &mut Command) {
    let mut process = Process::spawn(command);
    assert!(process.exit().await.success(), "{:?}", process.stderr());
}
