//! The code of README and docs: every block is checked for its syntax, and one that is marked `run` is run. JavaScript is
//! run by `document_scripts`.
//!
//! Blocks stand between fences: ```` ```php run ````. Runnable ones use the directory `/var/lib/fastapi-broadcaster/queue` and the address
//! `127.0.0.1:8081`, which stand for a queue and a broadcaster of the test's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use testkit::{Broadcaster, Process, QueueDir, temporary_directory};

use crate::harness::{Browser, broadcaster, built, extension_setting, queue_dir, secret};

#[tokio::test]
async fn php_blocks_have_no_syntax_error() {
    let directory = temporary_directory();
    for block in blocks("php") {
        let script = directory.path().join("block.php");
        fs::write(&script, block.as_php()).unwrap();
        run(&block, Process::command(built::php()).arg("-n").arg("-l").arg(script)).await;
    }
}

#[tokio::test]
async fn shell_blocks_have_no_syntax_error() {
    for block in blocks("sh") {
        run(&block, Process::command("bash").arg("-n").arg("-c").arg(&block.text)).await;
    }
}

#[tokio::test]
async fn javascript_blocks_have_no_syntax_error() {
    let browser = Browser::start().await;
    let mut page = browser.open("data:text/html,", (800, 600)).await;
    for block in blocks("js") {
        // The body of an async function may wait as a module may, but imports and exports nothing.
        let lines: Vec<&str> = block.text.lines().filter(|line| !line.starts_with("import ")).collect();
        let body = lines.join("\n").replace("export function", "function");
        let parse = format!(
            "try {{ new (async () => {{}}).constructor({}); 'fine' }} catch (error) {{ String(error) }}",
            serde_json::to_string(&body).unwrap()
        );
        assert_eq!(page.evaluate(&parse).await, "fine", "{}", block.place);
    }
}

#[tokio::test]
async fn json_and_toml_blocks_can_be_parsed() {
    for block in blocks("json") {
        serde_json::from_str::<serde_json::Value>(&block.text)
            .unwrap_or_else(|error| panic!("{}: {error}", block.place));
    }
    let directory = temporary_directory();
    for block in blocks("toml") {
        let file = directory.path().join("config.toml");
        let secret_file = directory.path().join("secret");
        secret::write(&secret_file);
        let text = block.text.replace("/etc/fastapi-broadcaster/token-secret", secret_file.to_str().unwrap());
        fs::write(&file, text).unwrap();
        // A block may show a single setting, and a configuration must have a queue.
        let mut check =
            Process::spawn(broadcaster::command(["config", "check", "--queue", "/nowhere", "--config"]).arg(&file));
        assert!(check.exit().await.success(), "{}: {:?}", block.place, check.stderr());
    }
}

#[tokio::test]
async fn runnable_blocks_run() {
    let place = Place::new().await;
    let mut count = 0;
    for block in blocks("php").into_iter().filter(|block| block.runs) {
        let script = place.directory.path().join("block.php");
        fs::write(&script, place.substitute(&block.as_php())).unwrap();
        let mut command = Process::command(built::php());
        command.args(["-n", "-d", &extension_setting(), "-d", "zend.assertions=1", "-d", "display_errors=stderr"]);
        run(&block, command.env("EVENT_QUEUE_PATH", place.queue.path()).arg(script)).await;
        count += 1;
    }
    for block in blocks("sh").into_iter().filter(|block| block.runs) {
        let mut command = Process::command("bash");
        let path = format!("{}:{}", place.directory.path().display(), std::env::var("PATH").unwrap());
        // Where the doctor looks for the extension.
        command.env("PATH", path).env("PHP", place.directory.path().join("php")).env("PHP_INI_SCAN_DIR", "");
        command.env("FASTAPI_WS_LISTEN", place.broadcaster.address().to_string());
        command.args(["-euo", "pipefail", "-c"]).arg(place.substitute(&block.text));
        run(&block, &mut command).await;
        count += 1;
    }
    assert!(count > 10, "only {count} blocks are marked `run`");
    place.queue.is_drained().await;
    assert_eq!(place.queue.failed(), [""; 0]);
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(built::repository().join("README.md")).unwrap().lines().count();
    assert!(lines < 300, "{lines} lines");
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in every_page() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = match anchor {
                "" => target.exists(),
                anchor => fs::read_to_string(&target).is_ok_and(|text| has_anchor(&text, anchor)),
            };
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_readme_leads_to_every_page() {
    let readme = fs::read_to_string(built::repository().join("README.md")).unwrap();
    for page in pages() {
        let name = page.file_name().unwrap().to_str().unwrap();
        let linked = readme.contains(&format!("](docs/{name})"));
        assert!(linked || name == "README.md", "{name} is not linked");
    }
}

/// Where runnable blocks run: a queue with a broadcaster, `php` and `fastapi-broadcaster` by their names.
struct Place {
    directory: TempDir,
    queue: QueueDir,
    broadcaster: Broadcaster,
}

impl Place {
    async fn new() -> Place {
        let directory = temporary_directory();
        symlink(built::broadcaster(), directory.path().join("fastapi-broadcaster")).unwrap();
        let php = directory.path().join("php");
        let wrapper = format!("#!/bin/sh\nexec {:?} -n -d {:?} \"$@\"\n", real_php(), extension_setting());
        fs::write(&php, wrapper).unwrap();
        fs::set_permissions(&php, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        secret::write(&directory.path().join("secret"));
        let queue = queue_dir();
        let broadcaster = broadcaster::start(&queue).await;
        Place { directory, queue, broadcaster }
    }

    fn substitute(&self, text: &str) -> String {
        text.replace("/var/lib/fastapi-broadcaster/queue", self.queue.path().to_str().unwrap())
            .replace("127.0.0.1:8081", &self.broadcaster.address().to_string())
            .replace("/etc/fastapi-broadcaster/token-secret", self.directory.path().join("secret").to_str().unwrap())
    }
}

/// A block of code.
pub(crate) struct Block {
    /// Page and line, for messages.
    pub(crate) place: String,
    pub(crate) text: String,
    runs: bool,
}

impl Block {
    fn as_php(&self) -> String {
        if self.text.starts_with("<?php") { self.text.clone() } else { format!("<?php\n{}", self.text) }
    }
}

/// All blocks of a language.
pub(crate) fn code(language: &str) -> Vec<String> {
    blocks(language).into_iter().map(|block| block.text).collect()
}

/// The same with their places.
pub(crate) fn blocks(language: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in pages().into_iter().chain(readmes_of_packages()) {
        let text = fs::read_to_string(&page).unwrap();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.strip_prefix("```") else { continue };
            let code: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let mut words = info.split_whitespace();
            if words.next() == Some(language) {
                let place = format!("{}:{}", page.display(), number + 1);
                blocks.push(Block { place, text: code.join("\n") + "\n", runs: words.next() == Some("run") });
            }
        }
    }
    assert!(!blocks.is_empty(), "no block of {language}");
    blocks
}

/// README and everything in docs.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(built::repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension() == Some("md".as_ref())).collect();
    pages.push(built::repository().join("README.md"));
    pages.sort();
    pages
}

fn readmes_of_packages() -> Vec<PathBuf> {
    let packages = fs::read_dir(built::repository().join("packages")).unwrap();
    let readmes = packages.map(|entry| entry.unwrap().path().join("README.md"));
    let mut readmes: Vec<PathBuf> = readmes.filter(|path| path.exists()).collect();
    readmes.sort();
    readmes
}

/// Every page of the tree, also what the next commit would add.
fn every_page() -> Vec<PathBuf> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-co", "--exclude-standard", "*.md"]).current_dir(built::repository());
    let listed = String::from_utf8(git.output().unwrap().stdout).unwrap();
    assert!(listed.contains("queue/FORMAT.md"), "{listed}");
    listed.lines().map(|page| built::repository().join(page)).collect()
}

/// Whether a heading of the page has this anchor, made as GitHub makes it.
fn has_anchor(text: &str, anchor: &str) -> bool {
    let slug = |heading: &str| -> String {
        let kept = heading.to_lowercase();
        let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    text.lines().any(|line| line.starts_with('#') && slug(line.trim_start_matches('#').trim()) == anchor)
}

fn real_php() -> PathBuf {
    let found = Command::new("sh").args(["-c", "command -v \"$0\""]).arg(built::php()).output().unwrap();
    Path::new(String::from_utf8(found.stdout).unwrap().trim()).to_owned()
}

async fn run(block: &Block, command: &mut Command) {
    let mut process = Process::spawn(command);
    let status = process.exit().await;
    let stderr: Vec<String> = process.stderr();
    assert!(status.success() && stderr.is_empty(), "{}: {status}\n{stderr:#?}\n{:#?}", block.place, process.stdout());
}
