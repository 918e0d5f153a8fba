//! Tokens of operators and names of the admin listener that were read again.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use super::{Stage, take_effect};
use crate::support::admin::Admin;
use crate::support::connect;

const OLD: &str = "the-old-token-of-operators";
const NEW: &str = "the-new-token-of-operators";

fn start(stage: &mut Stage, address: &str, settings: &[(&str, &str)]) -> Admin {
    stage.set("admin_listen", &format!("'{address}'"));
    stage.start(settings);
    Admin::of(stage.broadcaster())
}

/// The status of an action with a token.
fn status(admin: Admin, token: &str) -> u16 {
    admin.request("POST", "/channels", &[("Authorization", &format!("Bearer {token}"))], "").status
}

take_effect! {
    admin_token(stage) {
        let admin = start(&mut stage, "127.0.0.1:0", &[("admin_token", &format!("[{OLD:?}]"))]);
        stage.reload(&[("admin_token", &format!("[{NEW:?}, {OLD:?}]"))]);
        assert_eq!((status(admin, NEW), status(admin, OLD)), (200, 200));
        stage.reload(&[("admin_token", &format!("[{NEW:?}]"))]);
        assert_eq!((status(admin, NEW), status(admin, OLD)), (200, 401));
        stage.unset("admin_token");
        stage.reload(&[]);
        assert_eq!(status(admin, NEW), 403);
    }

    admin_token_file(stage) {
        let file = stage.queue.root().join("admin-token");
        let write = |token: &str| {
            fs::write(&file, token).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        };
        write(OLD);
        let admin = start(&mut stage, "127.0.0.1:0", &[]);
        assert_eq!(status(admin, OLD), 403);
        stage.reload(&[("admin_token_file", &format!("[{file:?}]"))]);
        assert_eq!(status(admin, OLD), 200);
        // Another content of the same file.
        write(NEW);
        let told = stage.reload(&[]);
        assert!(told.contains("admin_token_file (what its files hold)"), "{told}");
        assert_eq!((status(admin, NEW), status(admin, OLD)), (200, 401));
        // A file that others may read is refused, and the token of before stays.
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(stage.refuses().contains("admin_token_file"));
        assert_eq!(status(admin, NEW), 200);
    }

    admin_hosts(stage) {
        let admin = start(&mut stage, "127.0.0.1:0", &[]);
        let status = || admin.request("GET", "/live", &[("Host", "ws1.internal")], "").status;
        assert_eq!(status(), 403);
        stage.reload(&[("admin_hosts", "['WS1.internal']")]);
        assert_eq!(status(), 200);
        stage.unset("admin_hosts");
        stage.reload(&[]);
        assert_eq!(status(), 403);
    }
}

#[test]
fn beyond_the_loopback_the_last_token_cannot_be_taken_back() {
    let mut stage = Stage::new();
    let admin = start(&mut stage, "0.0.0.0:0", &[("admin_token", &format!("[{OLD:?}]"))]);
    stage.unset("admin_token");
    assert!(stage.refuses().contains("it needs a token"));
    assert_eq!(status(admin, OLD), 200);
    // Neither together with an address that would not need one, and takes effect at a restart only.
    stage.set("admin_listen", "'127.0.0.1:0'");
    let told = stage.refuses();
    assert!(told.contains("it needs a token") && told.contains("running value of admin_listen"), "{told}");
    assert_eq!((status(admin, OLD), admin.get("/status.json").status), (200, 401));
}

#[test]
fn a_stream_ends_when_its_token_is_taken_back() {
    let mut stage = Stage::new();
    let admin = start(&mut stage, "0.0.0.0:0", &[("admin_token", &format!("[{OLD:?}]"))]);
    let mut stream = connect(admin.0).unwrap();
    let head = format!("GET /status/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OLD}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream);
    let mut data = String::new();
    while !data.starts_with("data: ") {
        data.clear();
        assert_ne!(lines.read_line(&mut data).unwrap(), 0, "it has begun");
    }
    // Nothing has changed for it.
    stage.reload(&[("max_connections", "77")]);
    while !data.trim_end().is_empty() {
        data.clear();
        lines.read_line(&mut data).unwrap();
    }
    stage.reload(&[("admin_token", &format!("[{NEW:?}]"))]);
    lines.read_to_string(&mut data).expect("its end");
    assert!(data.ends_with("0\r\n\r\n"), "{data}");
}
