//! `fastapi-broadcaster admin ...` as an operator calls it.

use std::net::TcpListener;

use testkit::{Finish as _, QueueDir};

use crate::support::admin::{Admin, TOKEN};
use crate::support::{BINARY, Client, command};

/// Exit code, standard output, standard error.
fn admin(token: Option<&str>, arguments: &[&str]) -> (i32, String, String) {
    let mut admin = command(BINARY);
    admin.arg("admin").args(arguments).envs(token.map(|token| ("FASTAPI_WS_ADMIN_TOKEN", token)));
    let output = admin.finish();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn printed(url: &str, arguments: &[&str]) -> String {
    let (code, out, error) = admin(Some(TOKEN), &[arguments, &["--url", url]].concat());
    assert_eq!((code, error.as_str()), (0, ""), "{arguments:?}");
    out
}

#[test]
fn each_action_is_a_command() {
    let queue = QueueDir::new();
    let (mut broadcaster, listener) = Admin::start(&queue.path(), &["--max-channels-per-client", "2000"]);
    let url = format!("http://{}", listener.0);
    let mut plain = Client::of(&broadcaster);
    let mut client = Client::at(broadcaster.address(), "/?channel=a&channel=b.1&channel=b.2&everybody=0");
    let tungstenite::Message::Text(welcome) = client.next().unwrap() else { panic!("no welcome") };
    let welcome: serde_json::Value = serde_json::from_str(&welcome).unwrap();
    let id = welcome["client"].as_str().unwrap();

    let uid = printed(&url, &["publish", "test", "-7"]);
    assert_eq!(uid.trim().len(), 36, "{uid}");
    assert_eq!(plain.payload(), "-7");
    printed(&url, &["publish", "test", "[1.0]", "--channel", "a", "--priority", "high", "--ttl", "60", "--key", "k"]);
    let tungstenite::Message::Text(event) = client.next().unwrap() else { panic!("no event") };
    assert!(event.contains(r#""payload":[1.0]"#) && event.contains(r#""channel":"a""#), "{event}");

    assert_eq!(printed(&url, &["channels"]), "a\t1\nb.1\t1\nb.2\t1\n");
    assert_eq!(printed(&url, &["channels", "--prefix", "b."]), "b.1\t1\nb.2\t1\n");
    assert_eq!(printed(&url, &["unsubscribe", "--client", id, "--channel", "a", "--channel", "b.1"]), "1\n");
    assert_eq!(printed(&url, &["channels"]), "b.2\t1\n");
    assert_eq!(printed(&url, &["disconnect", "--user", "42"]), "0\n");
    assert_eq!(printed(&url, &["disconnect", "--client", id]), "1\n");
    assert_eq!(client.close_code(), 4403);
    let status = printed(&url, &["status"]);
    assert!(status.contains("\nready\ttrue\n") && status.contains("version\t"), "{status}");
    broadcaster.stop();
}

#[test]
fn all_channels_are_printed_however_many_there_are() {
    let queue = QueueDir::new();
    let (mut broadcaster, listener) = Admin::start(&queue.path(), &["--max-subscriptions", "5000"]);
    let clients: Vec<Client> = (0..25)
        .map(|client| {
            let channels: String = (0..100).map(|number| format!("&channel=c.{client:02}.{number:02}")).collect();
            Client::at(broadcaster.address(), &format!("/?everybody=0{channels}"))
        })
        .collect();
    let expected: String = (0..2500).map(|number| format!("c.{:02}.{:02}\t1\n", number / 100, number % 100)).collect();
    assert_eq!(printed(&format!("http://{}", listener.0), &["channels"]), expected);
    drop(clients);
    broadcaster.stop();
}

#[test]
fn address_and_token_come_from_the_configuration() {
    let queue = QueueDir::new();
    let token_file = queue.root().join("token");
    std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&token_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (mut broadcaster, listener) =
        Admin::start_with(&queue.path(), "0.0.0.0:0", None, &["--admin-token-file", token_file.to_str().unwrap()]);
    let file = queue.root().join("config.toml");
    // Keys of clients, which the user of this command need not be able to read, are not looked at.
    let settings = format!(
        "admin_listen = \"0.0.0.0:{}\"\nadmin_token_file = [{token_file:?}]\ntoken_secret_file = [\"/nowhere\"]\n",
        listener.0.port()
    );
    std::fs::write(&file, settings).unwrap();
    let (code, out, error) = admin(None, &["disconnect", "--user", "42", "--config", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str(), error.as_str()), (0, "0\n", ""));
    broadcaster.stop();
}

#[test]
fn what_cannot_be_done_ends_with_a_code_and_one_line() {
    let queue = QueueDir::new();
    let (mut broadcaster, listener) = Admin::start(&queue.path(), &[]);
    let url = format!("http://{}", listener.0);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    let of_clients = format!("http://{}", broadcaster.address());
    for (token, arguments, code, text) in [
        (Some("another-token-of-operators"), &["channels", "--url", &url][..], 1, "(status 401)"),
        (None, &["channels", "--url", &url], 1, "set FASTAPI_WS_ADMIN_TOKEN"),
        (Some(TOKEN), &["channels"], 1, "set admin_listen, or name one with --url"),
        (Some(TOKEN), &["channels", "--url", &nobody], 1, "does the broadcaster run?"),
        (Some(TOKEN), &["channels", "--url", &of_clients], 1, "status"),
        (Some(TOKEN), &["channels", "--url", "ftp://x"], 64, "must begin with http://"),
        (Some(TOKEN), &["channels", "--url", "http://a:b@x"], 64, "must have no user and no password"),
        (Some(TOKEN), &["disconnect", "--url", &url], 64, "required"),
        (Some(TOKEN), &["disconnect", "--user", "1", "--client", "1.2", "--url", &url], 64, "cannot be used with"),
        (Some(TOKEN), &["disconnect", "--client", "me", "--url", &url], 1, "is no client"),
        (Some(TOKEN), &["unsubscribe", "--user", "1", "--url", &url], 64, "required"),
        (Some(TOKEN), &["publish", "x", "text", "--url", &url], 64, "not valid JSON"),
        (Some(TOKEN), &["publish", "x", "1", "--channel", "a b", "--url", &url], 64, "channel name"),
        (Some("short"), &["status", "--url", &url], 64, "a token has 5 bytes"),
    ] {
        let (given, out, error) = admin(token, arguments);
        assert_eq!((given, out.as_str()), (code, ""), "{arguments:?}: {error}");
        assert!(error.starts_with("fastapi-broadcaster: ") && error.contains(text), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(!error.contains("another-token") && !error.contains(TOKEN), "{error}");
    }
    let (code, out, _) = admin(None, &["status", "--url", &url]);
    assert!(code == 0 && out.contains("ready\ttrue"), "reading needs no token on the loopback: {out}");
    broadcaster.stop();
}
