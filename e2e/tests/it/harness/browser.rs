//! A headless browser and its pages. What differs between browsers is in the file of each.

mod chromium;
mod connection;
mod firefox;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{INTERVAL, Process, temporary_directory, within};

use connection::Connection;

/// The browsers that the tests drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrowserKind {
    Chromium,
    Firefox,
}

/// Makes a test for each browser of functions that are given its kind.
macro_rules! in_each_browser {
    ($($(#[$attribute:meta])* $test:ident),+ $(,)?) => { $(
        mod $test {
            use crate::harness::BrowserKind;

            $(#[$attribute])*
            #[tokio::test]
            async fn in_chromium() {
                super::$test(BrowserKind::Chromium).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn in_firefox() {
                super::$test(BrowserKind::Firefox).await;
            }
        }
    )+ };
}
pub(crate) use in_each_browser;

pub(crate) struct Browser {
    kind: BrowserKind,
    connection: Arc<Connection>,
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium with a profile of its own, which connects only to the pages.
    pub(crate) async fn start() -> Browser {
        Self::of(BrowserKind::Chromium).await
    }

    /// The same with a browser of the test's choice.
    pub(crate) async fn of(kind: BrowserKind) -> Browser {
        Self::start_with(kind, false).await
    }

    /// Starts one that accepts any certificate.
    pub(crate) async fn trusting_all() -> Browser {
        Self::start_with(BrowserKind::Chromium, true).await
    }

    async fn start_with(kind: BrowserKind, trusts_all: bool) -> Browser {
        let profile = temporary_directory();
        let (process, connection) = match kind {
            BrowserKind::Chromium => chromium::start(&profile, trusts_all).await,
            BrowserKind::Firefox => firefox::start(&profile, trusts_all).await,
        };
        Browser { kind, connection: Arc::new(connection), _process: process, _profile: profile }
    }

    /// Opens a page of the size given and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str, size: (u32, u32)) -> Page {
        let connection = Arc::clone(&self.connection);
        let mut page = Page(match self.kind {
            BrowserKind::Chromium => Tab::Chromium(chromium::Tab::open(connection, url, size).await),
            BrowserKind::Firefox => Tab::Firefox(firefox::Tab::open(connection, url, size).await),
        });
        page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'").await;
        page
    }
}

/// An open page.
pub(crate) struct Page(Tab);

enum Tab {
    Chromium(chromium::Tab),
    Firefox(firefox::Tab),
}

/// Calls a method of the tab, whatever browser it is of.
macro_rules! tab {
    ($page:ident.$method:ident($($argument:expr),*).await) => {
        match &$page.0 {
            Tab::Chromium(tab) => tab.$method($($argument),*).await,
            Tab::Firefox(tab) => tab.$method($($argument),*).await,
        }
    };
}

impl Page {
    /// The value of a JavaScript expression; of a promise, what it resolves to.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        tab!(self.evaluate(expression).await)
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait_for(&mut self, expression: &str) {
        let look = async {
            while self.evaluate(&format!("Boolean({expression})")).await != true {
                tokio::time::sleep(INTERVAL).await;
            }
        };
        within(&format!("in the page: {expression}"), look).await;
    }

    /// The text of an element as users see it.
    pub(crate) async fn text(&mut self, selector: &str) -> String {
        let text = self.evaluate(&format!("document.querySelector({selector:?}).innerText")).await;
        text.as_str().expect("a text").to_owned()
    }

    /// Clicks with the mouse in the middle of an element.
    pub(crate) async fn click(&mut self, selector: &str) {
        let place = self
            .evaluate(&format!(
                "(() => {{ const element = document.querySelector({selector:?}); element.scrollIntoView({{ block: 'center' }});
                   const box = element.getBoundingClientRect();
                   return {{ x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) }}; }})()"
            ))
            .await;
        tab!(self.click_at(&place["x"], &place["y"]).await);
    }

    /// Presses a key: `Tab` or `Enter`.
    pub(crate) async fn press(&mut self, key: &str) {
        tab!(self.press(key).await);
    }

    /// Types a text where the focus is.
    pub(crate) async fn type_text(&mut self, text: &str) {
        tab!(self.type_text(text).await);
    }

    /// Prefers light or dark, as the system's setting would.
    pub(crate) async fn prefer(&mut self, scheme: &str) {
        tab!(self.prefer(scheme).await);
        // Processes of Firefox hear of it one after the other.
        self.wait_for(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches")).await;
    }

    pub(crate) async fn resize(&mut self, size: (u32, u32)) {
        tab!(self.resize(size).await);
    }

    /// Takes a picture of what is visible.
    pub(crate) async fn picture(&mut self, path: &Path) {
        let picture = tab!(self.picture().await);
        let bytes = BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Texts whose contrast to what they stand on is lower than 4.5:1 (WCAG 2, level AA).
    pub(crate) async fn low_contrast(&mut self) -> Value {
        self.evaluate(LOW_CONTRAST).await
    }

    /// What a screen reader gets: role and name of everything that it does not skip. Only Chromium tells.
    pub(crate) async fn accessible(&mut self) -> Vec<(String, String)> {
        match &self.0 {
            Tab::Chromium(tab) => tab.accessible().await,
            Tab::Firefox(_) => panic!("WebDriver BiDi has no command for what a screen reader gets"),
        }
    }

    /// Exceptions that no code of the page caught, and what the page's own policy has refused.
    pub(crate) fn problems(&self) -> Vec<String> {
        match &self.0 {
            Tab::Chromium(tab) => tab.problems(),
            Tab::Firefox(tab) => tab.problems(),
        }
    }
}

/// See [`Page::low_contrast`].
const LOW_CONTRAST: &str = r"(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([...rgb]) => rgb.slice(0, 3).map((value) => value / 255)
        .map((value) => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4)
        .reduce((sum, value, index) => sum + value * [.2126, .7152, .0722][index], 0);
    const low = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || ['SCRIPT', 'STYLE'].includes(element.tagName)) continue;
        if (!element.checkVisibility() || element.closest(':disabled') || element.closest('.unseen')) continue;
        const grounds = [];
        for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
        const [ground, text] = [rgb(grounds), rgb([...grounds, getComputedStyle(element).color])].map(luminance);
        const contrast = (Math.max(ground, text) + .05) / (Math.min(ground, text) + .05);
        if (contrast < 4.5) low.push(`${texts.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
    }
    return low;
})()";
