//! Recognizes that a path speaks the Pusher protocol, which this client does not.

/// What is said then.
const PROBLEM: &str = "this path speaks the Pusher protocol, for Laravel Echo and pusher-js: another path of the \
                       server is needed, such as ws://HOST/";

/// How messages begin that a server sends first there. Those of other protocols have `payload` and not `data`.
const FIRST: [&str; 2] = [r#"{"event":"pusher:connection_established","data":"#, r#"{"event":"pusher:error","data":"#];

/// What is wrong with an address whose server sends this message, if it is that.
pub(super) fn problem(message: &str) -> Option<&'static str> {
    FIRST.iter().any(|first| message.starts_with(first)).then_some(PROBLEM)
}
