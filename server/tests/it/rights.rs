//! Who may connect and what refused clients see: every source of a token and every kind of defect, on real sockets.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use server::config::Settings;
use server::origin::Rule;
use server::token::{Pattern, Secret};
use testkit::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::handshake::HANDSHAKE;
use crate::util::TestServer;

#[allow(dead_code, reason = "the tests of the rights alone use the others")]
#[path = "../signing/mod.rs"]
pub(crate) mod signing;

use signing::{ED25519, P256, RSA, SECRET, defects, hs256};

pub(crate) const SAME_HOST: &str = "Origin: http://localhost:8080\r\n";

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn good() -> String {
    hs256(SECRET, &defects::good_claims(now()))
}

/// A server with every kind of key, which clients may connect to without a token.
fn server() -> TestServer {
    server_with(Settings::default())
}

fn server_with(settings: Settings) -> TestServer {
    let key = |pem: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(pem.as_bytes()).unwrap();
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).unwrap();
        file
    };
    let files = [RSA, P256, ED25519].map(key);
    let keys = Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        token_public_key_file: Some(files.iter().map(|file| file.path().to_owned()).collect()),
        token_audience: Some("us".to_owned()),
        token_issuer: Some("them".to_owned()),
        public_channels: Some(vec!["*".parse().unwrap()]),
        ..Settings::default()
    };
    TestServer::with(settings.or(keys))
}

/// What a client is answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// It was let in.
    Open,
    /// It was let in and closed at once, before anything else.
    Closed(u16, String),
    /// A status, and what says how to authenticate.
    Status(u16, Option<String>),
}

pub(crate) fn closed(code: u16, reason: &str) -> Answer {
    Answer::Closed(code, reason.to_owned())
}

/// What a request with this target and these header lines is answered.
pub(crate) async fn ask(address: SocketAddr, target: &str, lines: &str) -> Answer {
    let request = HANDSHAKE.replace("/chat", target).replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
    ask_bytes(address, request.as_bytes()).await
}

async fn ask_bytes(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    // Of a client that was let in this is the end, once it is answered.
    stream.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    within("the answer", stream.read_to_end(&mut answer)).await.unwrap();
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    let (head, rest) = (String::from_utf8(answer[..end].to_vec()).unwrap(), &answer[end..]);
    let status: u16 = head[9..12].parse().unwrap();
    if status != 101 {
        let header =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("www-authenticate: ").map(str::to_owned));
        return Answer::Status(status, header);
    }
    match rest {
        [0x88, length, first, second, reason @ ..] if usize::from(*length) == reason.len() + 2 => {
            closed(u16::from_be_bytes([*first, *second]), &String::from_utf8_lossy(reason))
        }
        // The answer to our own close frame, perhaps after a greeting.
        [.., 0x88, 0] => Answer::Open,
        other => panic!("{other:?} has no close frame at its end"),
    }
}

/// Ways to send a token: the target and the header lines, and whether it is sent as a page does.
fn sources(token: &str) -> [(String, String, bool); 7] {
    let listed = "Origin: https://listed.example\r\n";
    let in_url = format!("/chat?token={token}");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let cookie = format!("Cookie: a=b; fastapi_ws_token={token}; c=d\r\n");
    let path = || "/chat".to_owned();
    [
        (path(), bearer.clone(), false),
        (path(), format!("{SAME_HOST}{bearer}"), true),
        (in_url.clone(), String::new(), false),
        (in_url.clone(), SAME_HOST.to_owned(), true),
        (format!("/?channel=private-user.42&channel=a&{}", &in_url[6..]), SAME_HOST.to_owned(), true),
        (path(), format!("{SAME_HOST}{cookie}"), true),
        (path(), format!("{listed}{cookie}"), true),
    ]
}

fn listed() -> Settings {
    let rules = ["same-host", "https://listed.example"].map(|rule| rule.parse().unwrap());
    Settings { allowed_origins: Some(rules.into()), ..Settings::default() }
}

#[tokio::test]
async fn a_good_token_is_taken_from_every_source() {
    let server = server_with(Settings { anonymous: Some(false), public_channels: Some(Vec::new()), ..listed() });
    // A plain client would have nothing to receive there, so each asks for something.
    for (target, lines, _) in sources(&good()) {
        let separator = if target.contains('?') { '&' } else { '?' };
        let answer = ask(server.address, &format!("{target}{separator}channel=private-user.42"), &lines).await;
        // The one that asks for a public channel as well finds none here.
        let expected = if target.contains("channel=a&") { closed(4403, "not allowed") } else { Answer::Open };
        assert_eq!(answer, expected, "{target} {lines}");
    }
}

#[tokio::test]
async fn a_defective_token_is_refused_from_every_source() {
    let server = server_with(listed());
    for (defect, token) in defects::all(now()) {
        for (target, lines, is_page) in sources(&token) {
            let answer = ask(server.address, &target, &lines).await;
            let expected = match (is_page, defect.starts_with("expired")) {
                (false, _) => Answer::Status(401, Some("bearer".to_owned())),
                (true, true) => closed(4401, "token expired"),
                (true, false) => closed(4401, "not authenticated"),
            };
            // A `+` is a space in a query, and no character of a token either.
            assert_eq!(answer, expected, "{defect}: {target} {lines}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_no_token() {
    let server = server();
    let head = HANDSHAKE.replace("\r\n\r\n", "\r\n");
    for line in [&b"Authorization: Bearer \xff\xfe"[..], b"Authorization: Bearer", b"authorization: bearer  "] {
        let request = [head.as_bytes(), line, b"\r\n\r\n"].concat();
        assert_eq!(ask_bytes(server.address, &request).await, Answer::Status(401, Some("bearer".to_owned())));
    }
    for target in ["/?token=%ff%fe", "/?token=", "/?token", "/?token=a+b", "/?%74oken=x"] {
        assert_eq!(ask(server.address, target, "").await, Answer::Status(401, Some("bearer".to_owned())), "{target}");
    }
}

#[tokio::test]
async fn cookies_count_only_for_pages_that_the_list_names() {
    let cookie = format!("Cookie: fastapi_ws_token={}\r\n", good());
    let closed_server = |rules: &[&str]| {
        let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        server_with(Settings { allowed_origins: Some(rules), anonymous: Some(false), ..Settings::default() })
    };
    let target = "/?channel=private-user.42";
    let refused = closed(4401, "not authenticated");
    for (rules, origin, expected) in [
        (&["same-host"][..], SAME_HOST, Answer::Open),
        (&["*"], SAME_HOST, closed(4401, "not authenticated")),
        (&["*"], "Origin: https://evil.example\r\n", closed(4401, "not authenticated")),
        (&["*", "same-host"], SAME_HOST, Answer::Open),
        (&["*", "same-host"], "Origin: https://evil.example\r\n", closed(4401, "not authenticated")),
        (&["null"], "Origin: null\r\n", closed(4401, "not authenticated")),
        (&["same-host"], "", Answer::Status(401, Some("bearer".to_owned()))),
        (&["same-host"], "Origin: https://evil.example\r\n", Answer::Status(403, None)),
    ] {
        let server = closed_server(rules);
        let answer = ask(server.address, target, &format!("{origin}{cookie}")).await;
        assert_eq!(answer, expected, "{rules:?} {origin}");
    }
    // Another host of the domain can set a cookie of the same name: two that differ are nobody's.
    let server = closed_server(&["same-host"]);
    let twice = |other: &str| format!("{SAME_HOST}Cookie: fastapi_ws_token={}; fastapi_ws_token={other}\r\n", good());
    assert_eq!(ask(server.address, target, &twice("x")).await, refused);
    let same = good();
    let same = format!("{SAME_HOST}Cookie: fastapi_ws_token={same}; fastapi_ws_token=\"{same}\"\r\n");
    assert_eq!(ask(server.address, target, &same).await, Answer::Open);
    let of_another_name = format!("{SAME_HOST}Cookie: Fastapi_ws_token={0}; x_fastapi_ws_token={0}\r\n", good());
    assert_eq!(ask(server.address, target, &of_another_name).await, refused);
}

#[tokio::test]
async fn two_tokens_are_one_too_many_but_for_a_cookie() {
    let server = server();
    let (bearer, bad) = (format!("Authorization: Bearer {}\r\n", good()), "Cookie: fastapi_ws_token=x\r\n");
    let in_url = format!("/?token={}", good());
    for (target, lines) in [
        (in_url.as_str(), bearer.clone()),
        ("/", format!("{bearer}{bearer}")),
        (&*format!("{in_url}&token=x"), String::new()),
    ] {
        assert_eq!(ask(server.address, target, &lines).await, Answer::Status(400, None), "{target} {lines}");
    }
    // A browser sends the cookie whether the page wants or not.
    assert_eq!(ask(server.address, &in_url, &format!("{SAME_HOST}{bad}")).await, Answer::Open);
    assert_eq!(ask(server.address, "/", &format!("{SAME_HOST}{bearer}{bad}")).await, Answer::Open);
    // What is for a proxy is no token.
    assert_eq!(ask(server.address, "/", "Authorization: Basic YTpi\r\n").await, Answer::Open);
}

#[tokio::test]
async fn without_a_key_nothing_is_a_token() {
    let server = TestServer::start();
    for (target, lines, _) in
        sources("x").into_iter().filter(|(target, lines, _)| !target.contains("private-") && !lines.contains("listed"))
    {
        assert_eq!(ask(server.address, &target, &lines).await, Answer::Open, "{target} {lines}");
    }
    assert_eq!(ask(server.address, "/?channel=a&everybody=0", "").await, Answer::Open);
    for channel in ["private-user.42", "presence-x", "%23server-to-user-7"] {
        let target = format!("/?channel={channel}");
        assert_eq!(ask(server.address, &target, "").await, Answer::Status(403, None), "{channel}");
        assert_eq!(ask(server.address, &target, SAME_HOST).await, closed(4403, "not allowed"), "{channel}");
    }
}

#[tokio::test]
async fn what_is_asked_for_must_be_allowed() {
    let public: Vec<Pattern> = vec!["public.*".parse().unwrap()];
    let server = server_with(Settings { public_channels: Some(public), ..Settings::default() });
    let token = good();
    let unauthorized = || Answer::Status(401, Some("bearer".to_owned()));
    let forbidden = || Answer::Status(403, None);
    for (query, anonymous, user) in [
        // A plain client would get nothing here.
        ("", unauthorized(), forbidden()),
        ("channel=public.a", Answer::Open, Answer::Open),
        ("channel=private-user.42", unauthorized(), Answer::Open),
        ("channel=public.a&channel=private-user.43", unauthorized(), forbidden()),
        ("channel=private-user.42%2F", unauthorized(), forbidden()),
        ("channel=Private-user.42", unauthorized(), forbidden()),
        ("channel=Public.a", unauthorized(), forbidden()),
        ("channel=public", unauthorized(), forbidden()),
        ("channel=public.a&everybody=1", unauthorized(), forbidden()),
        ("channel=public.a&everybody=0", Answer::Open, Answer::Open),
        ("channel=%23server-to-user-42", forbidden(), forbidden()),
        ("channel=private-user.42%00", Answer::Status(400, None), Answer::Status(400, None)),
        ("channel=a%20b", Answer::Status(400, None), Answer::Status(400, None)),
        ("everybody=2", Answer::Status(400, None), Answer::Status(400, None)),
    ] {
        assert_eq!(ask(server.address, &format!("/?{query}"), "").await, anonymous, "{query}");
        assert_eq!(ask(server.address, &format!("/?{query}&token={token}"), "").await, user, "{query}");
    }
    let native = "Sec-WebSocket-Protocol: fastapi.v1\r\n";
    assert_eq!(ask(server.address, "/", native).await, Answer::Open);
    let many: Vec<String> = (0..129).map(|number| format!("channel=public.{number}")).collect();
    assert_eq!(ask(server.address, &format!("/?{}", many[..128].join("&")), "").await, Answer::Open);
    assert_eq!(ask(server.address, &format!("/?{}", many.join("&")), "").await, Answer::Status(400, None));
}

#[tokio::test]
async fn the_subprotocol_is_answered_where_it_is_offered() {
    let server = server();
    for (offered, answered) in [
        ("fastapi.v1", true),
        ("other, fastapi.v1", true),
        ("other\r\nSec-WebSocket-Protocol: fastapi.v1", true),
        ("FASTAPI.V1", false),
        ("fastapi.v10", false),
        ("other", false),
    ] {
        let lines = format!("\r\nSec-WebSocket-Protocol: {offered}\r\n\r\n");
        // A client that is refused is answered it as well, or a browser would see another error.
        for target in ["/", "/?token=x"] {
            let request = HANDSHAKE.replace("/chat", target).replace("\r\n\r\n", &format!("\r\n{SAME_HOST}\r\n"));
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(request.replace("\r\n\r\n", &lines).as_bytes()).await.unwrap();
            stream.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
            let mut answer = Vec::new();
            within("the answer", stream.read_to_end(&mut answer)).await.unwrap();
            let answer = String::from_utf8_lossy(&answer).to_lowercase();
            assert!(answer.starts_with("http/1.1 101 "), "{offered}: {answer}");
            assert_eq!(answer.contains("sec-websocket-protocol: fastapi.v1\r\n"), answered, "{offered}: {answer}");
        }
    }
}
