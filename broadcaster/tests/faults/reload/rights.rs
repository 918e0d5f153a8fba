//! Keys and rights that were read again. Who was let in stays.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use testkit::Finish as _;

use super::{Stage, take_effect};
use crate::history::queue;
use crate::support::{BINARY, Client, command};

const SECRET: &str = "a secret of these tests, of 42 bytes in all";
const OTHER: &str = "another secret of these tests, 42 bytes too";

/// A token that is signed with a secret.
fn token(secret: &str) -> String {
    // The variable splits at commas.
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), secret).unwrap();
    let output = command(BINARY)
        .args(["token", "create", "--user", "42", "--allow", "private-a", "--token-secret-file"])
        .arg(file.path())
        .finish();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn start(stage: &mut Stage, settings: &[(&str, &str)]) {
    stage.set("token_secret", &format!("[{SECRET:?}]"));
    stage.set("public_channels", "['*']");
    stage.start(settings);
}

take_effect! {
    token_secret(stage) {
        start(&mut stage, &[]);
        let (old, new) = (token(SECRET), token(OTHER));
        let mut client = Client::at(stage.address(), &format!("/?channel=a&token={old}"));
        assert!(client.next().is_ok(), "its welcome");
        assert_eq!(stage.status("/", &bearer(&new)), 401);
        stage.reload(&[("token_secret", &format!("[{OTHER:?}, {SECRET:?}]"))]);
        assert_eq!((stage.status("/", &bearer(&new)), stage.status("/", &bearer(&old))), (101, 101));
        stage.reload(&[("token_secret", &format!("[{OTHER:?}]"))]);
        assert_eq!((stage.status("/", &bearer(&new)), stage.status("/", &bearer(&old))), (101, 401));
        queue(&stage.queue.path(), 7, None);
        assert_eq!(client.payload(), "7", "it stays until its token ends");
    }

    token_secret_file(stage) {
        let file = stage.queue.root().join("secret");
        let write = |secret: &str| {
            fs::write(&file, secret).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        };
        write(OTHER);
        start(&mut stage, &[]);
        assert_eq!(stage.status("/", &bearer(&token(OTHER))), 401);
        stage.reload(&[("token_secret_file", &format!("[{file:?}]"))]);
        assert_eq!(stage.status("/", &bearer(&token(OTHER))), 101);
        // Another content of the same file.
        let third = OTHER.replace("another", "a third");
        write(&third);
        let told = stage.reload(&[]);
        assert!(told.contains("token_secret_file (what its files hold)") && !told.contains("no other value"), "{told}");
        assert!(stage.reload(&[]).contains("no other value takes effect"));
        assert_eq!(stage.status("/", &bearer(&token(OTHER))), 401);
        assert_eq!(stage.status("/", &bearer(&token(&third))), 101);
        // A file that others may read is refused, and the key of before stays.
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(stage.refuses().contains("token_secret_file"));
        assert_eq!(stage.status("/", &bearer(&token(&third))), 101);
    }

    token_public_key_file(stage) {
        let random = SystemRandom::new();
        let pair = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
        // What stands before a key of Ed25519 in its usual form (RFC 8410).
        let mut key = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        key.extend_from_slice(pair.public_key().as_ref());
        let file = stage.queue.root().join("key.pem");
        let begin = "-----BEGIN PUBLIC KEY-----";
        let write = |key: &[u8]| {
            fs::write(&file, format!("{begin}\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(key))).unwrap();
        };
        write(&key);
        let parts = [r#"{"alg":"EdDSA"}"#, r#"{"sub":"42","exp":4000000000}"#];
        let signed = parts.map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
        let signature = BASE64URL_NOPAD.encode(pair.sign(signed.as_bytes()).as_ref());
        let bearer = bearer(&format!("{signed}.{signature}"));
        start(&mut stage, &[]);
        assert_eq!(stage.status("/", &bearer), 401);
        let told = stage.reload(&[("token_public_key_file", &format!("[{file:?}]"))]);
        assert!(told.contains("token_public_key_file") && !told.contains("files hold"), "{told}");
        assert_eq!(stage.status("/", &bearer), 101);
        let other = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
        write(&[&key[..12], other.public_key().as_ref()].concat());
        let told = stage.reload(&[]);
        assert!(told.contains("token_public_key_file (what its files hold)"), "{told}");
        assert_eq!(stage.status("/", &bearer), 401);
    }

    token_audience(stage) {
        start(&mut stage, &[]);
        let bearer = bearer(&token(SECRET));
        assert_eq!(stage.status("/", &bearer), 101);
        stage.reload(&[("token_audience", "'us'")]);
        assert_eq!(stage.status("/", &bearer), 401);
    }

    token_issuer(stage) {
        start(&mut stage, &[]);
        let bearer = bearer(&token(SECRET));
        assert_eq!(stage.status("/", &bearer), 101);
        stage.reload(&[("token_issuer", "'us'")]);
        assert_eq!(stage.status("/", &bearer), 401);
    }

    public_channels(stage) {
        start(&mut stage, &[]);
        let mut client = Client::at(stage.address(), "/?channel=a");
        assert!(client.next().is_ok(), "its welcome");
        stage.reload(&[("public_channels", "['public.*']")]);
        assert_eq!(stage.status("/?channel=a", ""), 401);
        assert_eq!(stage.status("/?channel=public.a", ""), 101);
        queue(&stage.queue.path(), 7, None);
        assert_eq!(client.payload(), "7", "its subscription stays");
    }

    anonymous(stage) {
        start(&mut stage, &[]);
        assert_eq!(stage.status("/", ""), 101);
        stage.reload(&[("anonymous", "false")]);
        assert_eq!(stage.status("/", ""), 401);
    }

    max_channels_per_client(stage) {
        stage.start(&[]);
        assert_eq!(stage.status("/?channel=a&channel=b", ""), 101);
        stage.reload(&[("max_channels_per_client", "1")]);
        assert_eq!(stage.status("/?channel=a&channel=b", ""), 400);
    }

    max_channels(stage) {
        stage.start(&[]);
        let _first = Client::at(stage.address(), "/?channel=a");
        stage.reload(&[("max_channels", "1")]);
        assert_eq!(Client::at(stage.address(), "/?channel=b").close_code(), 1013);
        stage.reload(&[("max_channels", "2")]);
        assert!(Client::at(stage.address(), "/?channel=b").next().is_ok());
    }

    max_subscriptions(stage) {
        stage.start(&[]);
        let _first = Client::at(stage.address(), "/?channel=a");
        stage.reload(&[("max_subscriptions", "1")]);
        assert_eq!(Client::at(stage.address(), "/?channel=a").close_code(), 1013);
        stage.reload(&[("max_subscriptions", "2")]);
        assert!(Client::at(stage.address(), "/?channel=a").next().is_ok());
    }
}
