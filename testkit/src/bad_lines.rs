//! Ways to write a line of an entry of several events wrong. Each rejects its entry.

/// A line that is wrong.
#[derive(Debug, Clone)]
pub struct BadLine {
    /// What is wrong with it.
    pub why: &'static str,
    /// The line, without its line feed.
    pub line: Vec<u8>,
    /// What the reason says.
    pub reason: &'static str,
}

const V: &str = r#""v":1"#;
const UID: &str = r#""uid":"019a3a5e-7f00-7000-8000-0000000000ff""#;
const EVENT: &str = r#""event":"bad""#;
const CHANNELS: &str = r#""channels":["a"]"#;

/// All ways that are known. The event's name is `bad` wherever it has one.
pub fn bad_lines() -> Vec<BadLine> {
    let mut lines = Vec::new();
    let mut add = |why, line: Vec<u8>, reason| lines.push(BadLine { why, line, reason });
    let good = format!("{V},{UID},{EVENT},{CHANNELS}");

    // The version.
    add("no v", object(&[UID, EVENT, CHANNELS]), "no `v` key");
    for (why, v) in [
        ("v is null", r#""v":null"#),
        ("v is text", r#""v":"1""#),
        ("v is 0", r#""v":0"#),
        ("v is negative", r#""v":-1"#),
        ("v has a fraction", r#""v":1.5"#),
        ("v is a float", r#""v":1.0"#),
        ("v has an exponent", r#""v":1e0"#),
        ("v is a truth value", r#""v":true"#),
        ("v is a list", r#""v":[1]"#),
        ("v is an object", r#""v":{"v":1}"#),
        ("v is no number of ours", r#""v":99999999999999999999"#),
    ] {
        add(why, object(&[v, UID, EVENT, CHANNELS]), "`v` is not the number 1");
    }

    // The uid.
    add("no uid", object(&[V, EVENT, CHANNELS]), "no `uid` key");
    for (why, uid) in [
        ("uid is null", r#""uid":null"#),
        ("uid is a number", r#""uid":7"#),
        ("uid is a list", r#""uid":["019a3a5e-7f00-7000-8000-0000000000ff"]"#),
    ] {
        add(why, object(&[V, uid, EVENT, CHANNELS]), "`uid` is not a string");
    }
    for (why, uid) in [
        ("uid is empty", r#""uid":"""#),
        ("uid is other text", r#""uid":"order-7""#),
        ("uid has no hyphens", r#""uid":"019a3a5e7f007000800000000000000f""#),
        ("uid has braces", r#""uid":"{019a3a5e-7f00-7000-8000-0000000000ff}""#),
        ("uid is too short", r#""uid":"019a3a5e-7f00-7000-8000-0000000000f""#),
        ("uid has a space", r#""uid":" 019a3a5e-7f00-7000-8000-0000000000f""#),
    ] {
        add(why, object(&[V, uid, EVENT, CHANNELS]), "`uid` is not a UUID");
    }

    // The name.
    add("no event", object(&[V, UID, CHANNELS]), "no `event` key");
    let long = format!(r#""event":"{}""#, "e".repeat(1023));
    for (why, event) in [
        ("event is null", r#""event":null"#),
        ("event is a number", r#""event":7"#),
        ("event is a truth value", r#""event":true"#),
        ("event is a list", r#""event":["bad"]"#),
        ("event is an object", r#""event":{"name":"bad"}"#),
        ("event is too long", &long),
    ] {
        add(why, object(&[V, UID, event, CHANNELS]), "`event` is not a string of at most 1024 bytes");
    }

    // Who gets it.
    add("no channels", object(&[V, UID, EVENT]), "no `channels` key");
    for (why, other) in [
        ("channels in capitals", r#""Channels":["a"]"#),
        ("channels with a space", r#""channels ":["a"]"#),
        ("channels within the payload", r#""payload":{"channels":["a"]}"#),
        ("another word for channels", r#""audience":null"#),
    ] {
        add(why, object(&[V, UID, EVENT, other]), "no `channels` key");
    }
    for (why, channel) in [
        ("channel for channels", r#""channel":"a""#),
        ("channel with a list", r#""channel":["a"]"#),
        ("channel beside channels", r#""channels":null,"channel":"a""#),
        ("channel that is null", r#""channels":["a"],"channel":null"#),
        ("channel in escapes", r#""channels":null,"\u0063hannel":"a""#),
    ] {
        add(why, object(&[V, UID, EVENT, channel]), "`channel` is no key of an event");
    }
    for (why, channels) in [
        ("channels is a text", r#""channels":"a""#),
        ("channels is the text null", r#""channels":"null""#),
        ("channels is a star", r#""channels":"*""#),
        ("channels is a number", r#""channels":1"#),
        ("channels is true", r#""channels":true"#),
        ("channels is false", r#""channels":false"#),
        ("channels is an object", r#""channels":{"0":"a"}"#),
        ("a channel is null", r#""channels":["a",null]"#),
        ("a channel is a number", r#""channels":[1]"#),
        ("a channel is a list", r#""channels":[["a"]]"#),
        ("a channel has half a character", r#""channels":["a\ud800"]"#),
    ] {
        add(why, object(&[V, UID, EVENT, channels]), "`channels` is not null or a list of strings");
    }
    add("no channel in the list", object(&[V, UID, EVENT, r#""channels":[]"#]), "a list of at least one name");
    let many = format!(r#""channels":[{}]"#, vec![r#""a""#; 101].join(","));
    add("101 channels", object(&[V, UID, EVENT, &many]), "`channels` has 101 names, more than 100");
    let long = format!(r#""channels":["{}"]"#, "c".repeat(201));
    for (why, channels) in [
        ("a channel is empty", r#""channels":[""]"#),
        ("a channel has a space", r#""channels":["a b"]"#),
        ("a channel ends in a line feed", r#""channels":["a\n"]"#),
        ("a channel is a pattern", r#""channels":["a*"]"#),
        ("a channel has an umlaut", r#""channels":["ä"]"#),
        ("a channel has an encoded slash", r#""channels":["a%2Fb"]"#),
        ("a channel has a number sign", r##""channels":["#a"]"##),
        ("a channel for no user", r##""channels":["#server-to-user-"]"##),
        ("a channel has a NUL", r#""channels":["a\u0000"]"#),
        ("a channel is too long", &long),
    ] {
        add(why, object(&[V, UID, EVENT, channels]), "name 1 of `channels` is no name");
    }
    let second = r#""channels":["a","","b"]"#;
    add("one channel of three is bad", object(&[V, UID, EVENT, second]), "name 2 of `channels` is no name");

    // A key that is there twice: which one counts is not agreed.
    for (why, twice) in [
        ("channels twice", r#""channels":null"#),
        ("channels twice, once in escapes", r#""\u0063hannels":null"#),
        ("v twice", V),
        ("uid twice", UID),
        ("event twice", EVENT),
        ("payload twice", r#""payload":1,"payload":1"#),
        ("except twice", r#""except":"1.2","except":null"#),
    ] {
        add(why, object(&[&good, twice]), "is given twice, at column ");
    }

    // What else it has.
    let long = format!(r#""key":"{}""#, "k".repeat(201));
    for (why, key) in [("key is empty", r#""key":"""#), ("key is too long", &long)] {
        add(why, object(&[&good, key]), "`key` is not a string of 1 to 200 bytes");
    }
    for (why, key) in [
        ("key is a number", r#""key":7"#),
        ("key is a list", r#""key":["a"]"#),
        ("key has half a character", r#""key":"\udc00""#),
    ] {
        add(why, object(&[&good, key]), "`key` is not a string");
    }
    let long = format!(r#""except":"{}""#, "9".repeat(65));
    for (why, except) in [("except is empty", r#""except":"""#), ("except is too long", &long)] {
        add(why, object(&[&good, except]), "`except` is not a string of 1 to 64 bytes");
    }
    for (why, except) in [("except is a number", r#""except":1.2"#), ("except is a list", r#""except":["1.2"]"#)] {
        add(why, object(&[&good, except]), "`except` is not a string");
    }
    for (why, time) in [
        ("expires_at is a text", r#""expires_at":"2030-01-01""#),
        ("expires_at is a number in quotes", r#""expires_at":"1729000000""#),
        ("expires_at is true", r#""expires_at":true"#),
        ("expires_at is a list", r#""expires_at":[1]"#),
        ("expires_at is too large a number", r#""expires_at":1e999"#),
    ] {
        add(why, object(&[&good, time]), "`expires_at` is not a number");
    }
    add("timestamp is a text", object(&[&good, r#""timestamp":"1""#]), "`timestamp` is not a number");
    add("queued_at is a text", object(&[&good, r#""queued_at":"1.5""#]), "`queued_at` is not a number");

    // What is no line of one object.
    add("an empty line", Vec::new(), "it is empty");
    add("a blank line", b" \t\r".to_vec(), "it is empty");
    for (why, line) in [
        ("a list", format!("[{{{good}}}]")),
        ("a text", r#""bad""#.to_owned()),
        ("null", "null".to_owned()),
        ("a number", "1".to_owned()),
        ("no JSON", "bad".to_owned()),
        ("a byte order mark", format!("\u{feff}{{{good}}}")),
        ("a comment before it", format!("/* */{{{good}}}")),
        ("a NUL before it", format!("\0{{{good}}}")),
        ("a record separator before it", format!("\u{1e}{{{good}}}")),
    ] {
        add(why, line.into_bytes(), "not a JSON object");
    }
    for (why, line) in [
        ("two objects", format!("{{{good}}}{{{good}}}")),
        ("two objects and a comma", format!("{{{good}}},{{{good}}}")),
        ("text after it", format!("{{{good}}} bad")),
        ("a comma after it", format!("{{{good}}},")),
        ("a comma in its end", format!("{{{good},}}")),
        ("a comment after it", format!("{{{good}}} // bad")),
        ("a NUL after it", format!("{{{good}}}\0")),
        ("cut off in a text", format!("{{{V},{UID},\"event\":\"ba")),
        ("cut off after a key", format!("{{{good},\"key\":")),
        ("cut off before its end", format!("{{{good}")),
        ("an open brace", "{".to_owned()),
        ("single quotes", format!("{{{}}}", good.replace('"', "'"))),
        ("a control character in a text", format!("{{{good},\"key\":\"a\u{1}\"}}")),
        ("not a number", format!("{{{good},\"expires_at\":NaN}}")),
        ("a number of another kind", format!("{{{good},\"payload\":0x10}}")),
        ("an unfinished payload", format!("{{{good},\"payload\":[1}}")),
    ] {
        add(why, line.into_bytes(), "not valid JSON");
    }
    let with = |bytes: &[u8]| [b"{", good.as_bytes(), b",\"payload\":\"", bytes, b"\"}"].concat();
    for (why, line) in [
        ("invalid UTF-8", with(b"\xff")),
        ("a character in two encodings", with(b"\xc0\x80")),
        ("half a character", with(b"\xe2\x82")),
        ("half a surrogate", with(b"\xed\xa0\x80")),
        ("UTF-16", format!("{{{good}}}").bytes().flat_map(|byte| [0xff, byte]).collect()),
    ] {
        add(why, line, "not valid UTF-8");
    }
    lines
}

fn object(fields: &[&str]) -> Vec<u8> {
    format!("{{{}}}", fields.join(",")).into_bytes()
}
