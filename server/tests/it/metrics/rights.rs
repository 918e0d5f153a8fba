//! Who may not have what it asks for.

use serde_json::json;
use server::config::Settings;
use server::token::Secret;
use testkit::HANDSHAKE;

use super::{becomes, metric};
use crate::handshake::exchange;
use crate::rights::signing::{SECRET, hs256};
use crate::util::TestServer;

#[tokio::test]
async fn missing_rights_are_counted_by_the_reason() {
    let settings = Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(vec!["public*".parse().unwrap()]),
        ..Settings::default()
    };
    let server = TestServer::with(settings);
    let failures = |reason: &str| format!("auth_failures_total{{reason=\"{reason}\"}}");
    let ask =
        async |target: &str| exchange(server.address, HANDSHAKE.replace("GET / ", &format!("GET {target} "))).await;
    ask("/?channel=private-a").await;
    becomes(&server, &failures("not_authenticated"), 1.0).await;
    ask("/?channel=public.a&token=nonsense").await;
    becomes(&server, &failures("not_authenticated"), 2.0).await;
    let token = |exp: u64| hs256(SECRET, &json!({ "sub": "7", "exp": exp, "allow": ["private-b"] }).to_string());
    ask(&format!("/?channel=public.a&token={}", token(1_000_000_000))).await;
    becomes(&server, &failures("token_expired"), 1.0).await;
    ask(&format!("/?channel=private-a&token={}", token(99_999_999_999))).await;
    becomes(&server, &failures("not_allowed"), 1.0).await;
    // On connections that are open.
    let (mut client, _) = server.native("?channel=public.a").await;
    client.ask(json!({ "type": "subscribe", "channel": "private-a" })).await;
    becomes(&server, &failures("not_authenticated"), 3.0).await;
    client.ask(json!({ "type": "authenticate", "token": "nonsense" })).await;
    becomes(&server, &failures("not_authenticated"), 4.0).await;
    client.ask(json!({ "type": "authenticate", "token": token(99_999_999_999) })).await;
    client.ask(json!({ "type": "subscribe", "channel": "private-a" })).await;
    becomes(&server, &failures("not_allowed"), 2.0).await;
    let of_another = hs256(SECRET, &json!({ "sub": "8", "exp": 99_999_999_999_u64 }).to_string());
    client.ask(json!({ "type": "authenticate", "token": of_another })).await;
    becomes(&server, &failures("not_allowed"), 3.0).await;
    assert_eq!(metric(&server, "connections_refused_total{reason=\"rights\"}"), Some(4.0));
}
