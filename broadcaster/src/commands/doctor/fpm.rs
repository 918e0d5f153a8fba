//! The doctor's look at php-fpm: its workers can have other settings than the PHP of the command line, and a version of
//! the extension that is older than the broadcaster. They are asked by a script, as a web server asks them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use queue::Uid;
use serde::Deserialize;
use server::Config;
use server::hook_address::{Endpoint, run_script};
use server::signal::Signals;

use super::finding::Finding::{self, Bad, Good, Note};
use super::producers::PhpSettings;

/// How long php-fpm may take.
const LIMIT: Duration = Duration::from_secs(3);
/// Where packages let pools listen.
const FOLDERS: [&str; 2] = ["/run/php", "/run/php-fpm"];
/// What php-fpm answers for a script that it does not see, or may not read.
const NOT_SEEN: [&str; 3] = ["File not found", "Access denied", "No input file specified"];
/// What stands before the answer: a site may let each script of its pool print more, before and after its own output.
const MARK: &str = "fastapi-broadcaster doctor: ";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The exit code of a shell for a command that Ctrl-C has ended.
const EX_INTERRUPTED: i32 = 130;

/// What the workers are asked. It gets no input and changes nothing.
const SCRIPT: &str = r#"<?php
declare(strict_types=1);
$set = static fn (string $name): ?string => ini_get("fastapi_websocket.$name") === false
    ? null
    : (string) ini_get("fastapi_websocket.$name");
echo 'fastapi-broadcaster doctor: ' . json_encode([
    'loaded' => extension_loaded('fastapi_websocket'),
    'version' => phpversion('fastapi_websocket') ?: null,
    'php' => PHP_VERSION,
    'ini' => php_ini_loaded_file() ?: null,
    'path' => $set('path'),
    'queue' => $set('queue'),
    'max_event_bytes' => $set('max_event_bytes'),
]);
"#;

/// Where php-fpm listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Address, String> {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Address::Unix(path.into()));
        }
        let problem = || "must be unix:/path/of/the/socket, or an address and a port such as 127.0.0.1:9000".to_owned();
        text.parse().map(Address::Tcp).map_err(|_| problem())
    }

    fn shown(&self) -> String {
        match self {
            Address::Unix(path) => format!("php-fpm at {}", path.display()),
            Address::Tcp(address) => format!("php-fpm at {address}"),
        }
    }
}

/// What a worker has answered.
#[derive(Debug, Deserialize)]
struct Answer {
    loaded: bool,
    version: Option<String>,
    php: String,
    ini: Option<String>,
    path: Option<String>,
    queue: Option<String>,
    max_event_bytes: Option<String>,
}

/// Of the addresses that are given, or else of those that are found.
pub(super) fn findings(given: &[Address], queue: Option<&Path>, config: &Config) -> Vec<Finding> {
    if !given.is_empty() {
        return given.iter().flat_map(|address| of_pool(address, true, queue, config)).collect();
    }
    let found = if queue.is_some() { sockets() } else { Vec::new() };
    found.iter().flat_map(|address| of_pool(address, false, queue, config)).collect()
}

/// The sockets of pools at the usual places. One with two names is there once.
fn sockets() -> Vec<Address> {
    let entries = FOLDERS.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let real = entries.filter_map(|entry| entry.path().canonicalize().ok());
    let is_socket = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let mut paths: Vec<PathBuf> = real.filter(is_socket).collect();
    paths.sort();
    paths.dedup();
    paths.into_iter().map(Address::Unix).collect()
}

/// A pool that was not named may have nothing to do with this queue.
fn of_pool(address: &Address, is_given: bool, queue: Option<&Path>, config: &Config) -> Vec<Finding> {
    let shown = address.shown();
    let wrong = |text: String, remedy: String| vec![if is_given { Bad(text, remedy) } else { Note(text, remedy) }];
    let answer = match ask(address) {
        Ok(answer) => answer,
        Err(Failure::NotSeen(folders)) => {
            return vec![Note(
                format!("{shown} does not see a file that was written to {folders} for it (File not found)"),
                "it has a /tmp of its own (PrivateTmp=yes of its unit), a chroot, or an open_basedir without these \
                 folders, or runs in another container: look at phpinfo() of a page of that pool"
                    .into(),
            )];
        }
        Err(Failure::Other(problem)) => {
            return wrong(
                format!("{shown} cannot be asked: {problem}"),
                "see that it runs, and `listen` of its pool; run the doctor as root or as the user of the web server, or \
                 name the right one with --fpm"
                    .into(),
            );
        }
    };
    let Answer { loaded, version, php, ini, path, queue: form, max_event_bytes } = answer;
    let ini = ini.unwrap_or_else(|| "none".to_owned());
    if !loaded {
        return wrong(
            format!("{shown} (PHP {php}) has not loaded the extension fastapi_websocket (its php.ini: {ini})"),
            "extension=fastapi_websocket.so in the ini of fpm, not only in that of the command line; then restart \
             php-fpm"
                .into(),
        );
    }
    let version = version.unwrap_or_else(|| "of an unknown version".to_owned());
    let max_event_bytes = max_event_bytes.and_then(|bytes| bytes.parse().ok());
    let settings = PhpSettings { path: path.as_deref(), queue: form.as_deref(), max_event_bytes };
    let mut findings =
        vec![Good(format!("{shown} (PHP {php}) has loaded the extension {version}: {}", settings.described()))];
    if version != VERSION {
        findings.push(Note(
            format!("{shown} has the extension {version}, and this broadcaster is {VERSION}"),
            "install both from the same release, then restart php-fpm: it keeps an old extension until then".into(),
        ));
    }
    if let Some(queue) = queue {
        findings.extend(settings.findings(&shown, queue, config));
    }
    findings
}

enum Failure {
    /// It does not see the files of these folders.
    NotSeen(String),
    Other(String),
}

fn ask(address: &Address) -> Result<Answer, Failure> {
    let other = |error: io::Error| Failure::Other(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(other)?;
    // A unit with PrivateTmp has its own /tmp, and sees the same /dev/shm.
    let folders = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
    let mut tried = Vec::new();
    for folder in folders {
        let Ok(script) = Script::write(&folder) else { continue };
        let host;
        let endpoint = match address {
            Address::Unix(path) => Endpoint::Unix(path),
            Address::Tcp(address) => {
                host = address.ip().to_string();
                Endpoint::Tcp(&host, address.port())
            }
        };
        let output = runtime.block_on(async {
            // Who presses Ctrl-C while a pool does not answer leaves no file behind.
            let mut signals = Signals::new().map_err(other)?;
            tokio::select! {
                output = run_script(endpoint, &script.0, LIMIT) => output.map(Some).map_err(Failure::Other),
                _ = signals.next() => Ok(None),
            }
        })?;
        let Some(output) = output else {
            drop(script);
            std::process::exit(EX_INTERRUPTED);
        };
        let output = String::from_utf8_lossy(&output).into_owned();
        if let Some(answer) = answer_in(&output) {
            return Ok(answer);
        }
        if !NOT_SEEN.iter().any(|text| output.contains(text)) {
            return Err(Failure::Other(format!("it answers {:.200}", first_line(&output))));
        }
        tried.push(folder.display().to_string());
    }
    match tried.is_empty() {
        true => Err(Failure::Other("no temporary file could be written for it".to_owned())),
        false => Err(Failure::NotSeen(tried.join(" and "))),
    }
}

fn answer_in(output: &str) -> Option<Answer> {
    let (_, answer) = output.split_once(MARK)?;
    serde_json::Deserializer::from_str(answer).into_iter().next()?.ok()
}

/// What says most of an output that is no answer: the text, or else the status.
fn first_line(output: &str) -> &str {
    let (head, text) = output.split_once("\r\n\r\n").unwrap_or(("", output));
    let status = head.lines().filter(|line| line.starts_with("Status:"));
    let mut lines = text.lines().chain(status).filter(|line| !matches!(line.trim(), "" | "<br />"));
    lines.next().unwrap_or("without a text: a fatal error, perhaps; the log of its pool says more")
}

/// The script in a temporary file, which is deleted with the value. The workers run as another user.
struct Script(PathBuf);

impl Script {
    fn write(folder: &Path) -> io::Result<Script> {
        let path = folder.join(format!("fastapi-broadcaster-doctor-{}.php", Uid::new()));
        // Never a file or link that somebody else has put there.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
        let script = Script(path);
        // Whatever the umask is.
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.write_all(SCRIPT.as_bytes())?;
        Ok(script)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_pools() {
        let socket = || Address::Unix("/run/php/a.sock".into());
        assert_eq!(Address::parse("unix:/run/php/a.sock"), Ok(socket()));
        assert_eq!(Address::parse("/run/php/a.sock"), Ok(socket()));
        assert_eq!(Address::parse("[::1]:9000"), Ok(Address::Tcp("[::1]:9000".parse().expect("an address"))));
        for text in ["", "9000", "php-fpm.sock", "localhost:9000", "unix:a"] {
            assert!(Address::parse(text).is_err_and(|problem| problem.contains("unix:/path")), "{text}");
        }
    }
}
