//! What to do after the server has refused something or closed the connection.

const CHECK: &str = "`fastapi-broadcaster token check` shows what a token says";

/// What to do after a close code, if there is something.
pub(super) fn of_close_code(code: u16) -> Option<String> {
    let advice = match code {
        1001 => "it stops or is started again: connect again in a moment",
        1008 | 1009 => "what was sent to it is more than it takes: is this the server's own address?",
        1013 => "it has no room: try again later, or raise max_connections or max_memory of the server",
        4008 => "this program was too slow, perhaps because nobody reads its output: connect again",
        4009 => "a ping was not answered in time: connect again",
        4401 => {
            "give a new token with --token or FASTAPI_WS_TOKEN; `fastapi-broadcaster token check` says what is wrong with one"
        }
        4403 => return Some(format!("this token does not allow it: {CHECK}")),
        4429 => "more commands were sent than it takes: try again later, with fewer channels",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// What an error's code says, in parentheses, and what to do about it.
pub(super) fn of_error(code: u16) -> String {
    let advice = match code {
        101 => "it needs a token: give one with --token or FASTAPI_WS_TOKEN",
        103 => {
            return format!(" ({code}; neither the token nor public_channels of the server allows it: {CHECK})");
        }
        106 => {
            "subscribe fewer channels, or raise max_channels_per_client, max_channels or max_subscriptions of the server"
        }
        109 => "the token has ended: get a new one",
        0 => return String::new(),
        _ => return format!(" ({code})"),
    };
    format!(" ({code}; {advice})")
}
