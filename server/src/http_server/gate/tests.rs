//! What requests become, by what they ask for and who they are from.

use std::time::Duration;

use super::*;
use crate::permit::Permits;
use crate::rights::{Expected, Key, Keys, NewToken, Pattern, Secret, create};

const SECRET: &[u8] = b"a secret of these tests, of 42 bytes in all";

/// With a key, on a server that answers on the path `/chat` itself.
fn gate(public: &str, anonymous: bool) -> Gate {
    let secrets = vec![Secret::new(SECRET)];
    let rights = Rights {
        public: vec![public.parse().unwrap()],
        anonymous,
        keys: Keys::new(secrets.iter().map(Key::secret).collect()),
        secrets,
        expected: Expected::default(),
        ..Rights::open()
    };
    let answered = AnsweredPaths::new(|target| target.split('?').next() == Some("/chat"));
    Gate::new(AllowedOrigins::any(), None, Arc::new(rights), (Entrance::default(), None), answered, 3)
}

fn sender() -> Sender {
    Sender { address: "127.0.0.1:1".parse().unwrap(), is_proxied: false }
}

fn pending() -> PendingPermit {
    Permits::new(1, None).request(sender().address.ip())
}

/// A request of a program with a token that says this, if it says anything.
async fn ask(gate: &Gate, target: &str, protocol: &str, says: Option<(&[&str], &[&str])>) -> String {
    let token = says.map(|(channels, allow)| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (channels, allow) = (texts(channels), texts(allow));
        let new = NewToken { channels, allow, ttl: Duration::from_secs(60), ..NewToken::default() };
        create(&Secret::new(SECRET), &new, SystemTime::now()).unwrap()
    });
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: {protocol}\r\n{bearer}\r\n");
    let head = Head::parse(head.as_bytes(), 32 * 1024).unwrap().unwrap();
    match gate.admit(&head, sender(), &pending()).await {
        Ok(Wants { kind: ClientKind::Plain, .. }) => "plain".to_owned(),
        Ok(Wants { kind: ClientKind::ApplicationOnly, .. }) => "application".to_owned(),
        Ok(Wants { kind: ClientKind::Channels { is_native, channels, everybody }, .. }) => {
            let kind = if is_native { "native" } else { "url" };
            let names: Vec<&str> = channels.iter().map(ChannelName::as_str).collect();
            format!("{kind} [{}]{}", names.join(" "), if everybody { " everybody" } else { "" })
        }
        Ok(Wants { kind: ClientKind::Pusher, .. }) => "pusher".to_owned(),
        Err(Refusal::Denied(denial, _)) => denial.to_string(),
        Err(Refusal::Request { status, .. }) => status.as_u16().to_string(),
        Err(Refusal::Origin { problem } | Refusal::Host { problem }) => problem,
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_is_what_it_asks_for() {
    let gate = gate("*", true);
    for (target, protocol, kind) in [
        ("/", "", "plain"),
        ("/?x=y&channels=a", "other", "plain"),
        ("/?channel=a", "", "url [a] everybody"),
        ("/?channel=b&channel=a&channel=b", "", "url [b a] everybody"),
        ("/?everybody=1", "", "url [] everybody"),
        ("/?everybody=0&channel=a", "", "url [a]"),
        ("/?after=x", "", "url [] everybody"),
        ("/", "other, fastapi.v1", "native [] everybody"),
        ("/?channel=a&everybody=0", "fastapi.v1", "native [a]"),
        ("/?channel=a&channel=b&channel=c&channel=d", "", "400"),
        // The parameters of a path on which the application answers are its own.
        ("/chat?channel=a&channel=*&everybody=x", "", "plain"),
        ("/chat?channel=a", "fastapi.v1", "native [a] everybody"),
        ("/chat?channel=*", "fastapi.v1", "400"),
    ] {
        assert_eq!(ask(&gate, target, protocol, None).await, kind, "{target} {protocol}");
    }
}

#[tokio::test]
async fn a_token_that_names_channels_subscribes_them_after_those_of_the_url() {
    let gate = gate("public.*", true);
    let news: (&[&str], &[&str]) = (&["private-1", "public.a"], &["private-2"]);
    for (target, protocol, says, kind) in [
        ("/", "", Some(news), "url [private-1 public.a]"),
        ("/?channel=public.a&channel=private-2", "", Some(news), "url [public.a private-2 private-1]"),
        ("/", "fastapi.v1", Some(news), "native [private-1 public.a]"),
        ("/?channel=public.b&channel=private-2", "", Some(news), "400"),
        ("/?channel=private-3", "", Some(news), "not allowed"),
        ("/?channel=private-2", "", None, "not authenticated"),
        // Only what names channels makes another client of a plain one.
        ("/", "", Some((&[], &["everybody"])), "not allowed"),
        ("/?everybody=1", "", Some((&[], &["everybody"])), "url [] everybody"),
        ("/chat", "", Some(news), "application"),
        ("/chat", "", None, "application"),
        ("/", "", None, "not authenticated"),
    ] {
        assert_eq!(ask(&gate, target, protocol, says).await, kind, "{target} {protocol}");
    }
}

#[tokio::test]
async fn without_anonymous_clients_everybody_needs_a_token() {
    let gate = gate("*", false);
    for target in ["/", "/chat", "/?channel=a"] {
        assert_eq!(ask(&gate, target, "", None).await, "not authenticated", "{target}");
        assert_eq!(ask(&gate, target, "fastapi.v1", None).await, "not authenticated", "{target}");
    }
    assert_eq!(ask(&gate, "/?channel=a", "", Some((&[], &[]))).await, "url [a]");
    assert_eq!(ask(&gate, "/", "", Some((&[], &[]))).await, "not allowed");
    assert_eq!(ask(&gate, "/chat", "", Some((&[], &[]))).await, "application");
}

#[tokio::test]
async fn without_a_key_there_is_no_token_that_could_help() {
    let rights = Rights { public: vec!["public.*".parse::<Pattern>().unwrap()], ..Rights::open() };
    let entrance = (Entrance::default(), None);
    let gate = Gate::new(AllowedOrigins::any(), None, Arc::new(rights), entrance, AnsweredPaths::default(), 3);
    for target in ["/", "/?channel=a", "/?channel=private-a", "/?everybody=1"] {
        assert_eq!(ask(&gate, target, "", Some((&[], &["*"]))).await, "not allowed", "{target}");
    }
    assert_eq!(ask(&gate, "/?channel=public.a&token=x", "", None).await, "url [public.a]");
}

#[tokio::test]
async fn a_stream_gets_what_is_for_everybody_or_its_channels_and_goes_on_after_the_latest_id() {
    let gate = gate("*", true);
    let ask = async |target: &str, lines: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
        let head = Head::parse(head.as_bytes(), 32 * 1024).unwrap().unwrap();
        match gate.admit_stream(&head, sender(), &pending()).await {
            Ok((is_named, Wants { kind: ClientKind::Channels { channels, everybody, .. }, after, .. })) => {
                let names: Vec<&str> = channels.iter().map(ChannelName::as_str).collect();
                let after = after.unwrap_or_default();
                format!("{is_named} [{}] {everybody} {after}", names.join(" ")).trim_end().to_owned()
            }
            Ok(other) => panic!("{other:?}"),
            Err(Refusal::Denied(denial, _)) => denial.to_string(),
            Err(Refusal::Request { status, .. }) => status.as_u16().to_string(),
            Err(Refusal::Origin { problem }) => problem,
            Err(other) => format!("{other:?}"),
        }
    };
    let long = "y".repeat(65);
    for (target, lines, expected) in [
        ("/", "", "false [] true"),
        // The application answers no stream, so the parameters of its paths are read.
        ("/chat?channel=a&named=1&everybody=0", "", "true [a] false"),
        ("/?everybody=0", "", "false [] false"),
        ("/?channel=private-a", "", "not authenticated"),
        ("/?channel=a&channel=b&channel=c&channel=d", "", "400"),
        ("/?after=a", "", "false [] true a"),
        ("/?after=a&last_event_id=b", "", "false [] true b"),
        ("/?after=a&last_event_id=b", "Last-Event-ID: c\r\n", "false [] true c"),
        ("/?after=a", "Last-Event-ID:\r\n", "false [] true a"),
        ("/?after=a", "Last-Event-ID: b/c\r\n", "false [] true unknown"),
        ("/", &format!("Last-Event-ID: {long}\r\n"), "false [] true unknown"),
        ("/", "Last-Event-ID: b\r\nLast-Event-ID: b\r\n", "false [] true b"),
        ("/", "Last-Event-ID: b\r\nLast-Event-ID: c\r\n", "false [] true unknown"),
    ] {
        assert_eq!(ask(target, lines).await, expected, "{target} {lines}");
    }
}
