//! Requests to the HTTP API of the Pusher protocol, as strangers and broken libraries send them.

use crate::http_server::{try_body, try_signed, try_target};

/// Takes bytes as a target, as parameters that are signed, as an event, or as a batch. The first byte says which.
///
/// # Panics
/// When a request counts that must not, or an event is not what the body says.
pub fn pusher_api(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => try_target(&text),
        1 => try_signed(&text),
        2 => try_body(rest, false),
        _ => try_body(rest, true),
    }
}

#[cfg(test)]
mod tests {
    //! What the fuzzers found, each once.

    use super::pusher_api;

    #[test]
    fn a_request_of_each_kind() {
        pusher_api(b"0/pusher/apps/3/channels/a%2Fb/users?auth_key=key&info[]=a&info[]=b");
        pusher_api(b"1Info=user_count\nfilter_by_prefix=presence-&a=b");
        pusher_api(br#"2{"name":"a","data":"{\"b\":1}","channels":["c","d"],"socket_id":"1.2","info":"user_count"}"#);
        pusher_api(br#"3{"batch":[{"name":"a","data":"b","channel":"c"},{"name":"a","data":"1","channel":"d"}]}"#);
    }
}
