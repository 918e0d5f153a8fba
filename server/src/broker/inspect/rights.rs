//! Whether Redis lets us do what is needed: each command is tried in a form that changes nothing. Redis checks the
//! rights of the user, its memory and its replicas before it looks at the arguments.

use redis::{Cmd, RedisError, Value, cmd};

use super::super::address::Servers;
use super::super::connection::Connection;
use super::super::failure::{Failure, FailureKind};
use super::super::options::BrokerOptions;
use crate::unix_time;

/// Commands that are always needed.
const ALWAYS: [&str; 9] = ["xadd", "xread", "xrange", "xrevrange", "eval", "set", "get", "multi", "exec"];
/// Commands that nothing depends on: the doctor measures with the first, and with the second Redis shows people which
/// clients are ours.
const EXTRAS: [&str; 2] = ["ping", "client|setname"];

/// Something that the broadcaster needs and cannot do.
#[derive(Debug)]
pub struct Refusal {
    /// The command.
    pub command: &'static str,
    failure: Failure,
}

impl Refusal {
    /// What Redis says.
    pub fn reason(&self) -> String {
        self.failure.to_string()
    }

    /// Whether the rights of the user are the reason.
    pub fn is_about_rights(&self) -> bool {
        self.failure.kind == FailureKind::Permission
    }

    pub(super) fn into_failure(self) -> Failure {
        self.failure
    }
}

/// The rights that the user of the URL needs, as arguments of `ACL SETUSER` for a shell.
pub(super) fn needed(options: &BrokerOptions) -> String {
    let mut commands: Vec<&str> = ALWAYS.to_vec();
    if options.min_replicas > 0 {
        commands.push("wait");
    }
    if options.address.db != 0 {
        commands.push("select");
    }
    if matches!(options.address.servers, Servers::Sentinel { .. }) {
        commands.push("role");
    }
    commands.extend(EXTRAS);
    let commands: String = commands.into_iter().map(|command| format!(" {}", granted(command))).collect();
    // In patterns of Redis, braces stand for themselves.
    format!("'~{{{}}}:*'{commands}", options.prefix)
}

/// A shell takes the `|` of a subcommand for a pipe.
fn granted(command: &str) -> String {
    if command.contains('|') { format!("'+{command}'") } else { format!("+{command}") }
}

/// One command that is tried.
pub(super) struct Trial {
    name: &'static str,
    command: Cmd,
}

/// All of them. The last two belong together.
pub(super) fn trials(options: &BrokerOptions) -> Vec<Trial> {
    let stream = options.stream_key();
    // No event has it: behind the channel there is one more colon.
    let key = format!("{{{}}}:key:doctor", options.prefix);
    let trial = |name: &'static str, arguments: &[&str]| {
        let mut command = cmd(name);
        command.arg(arguments);
        Trial { name, command }
    };
    let mut trials = vec![
        // An id that Redis refuses.
        trial("XADD", &[&stream, "MAXLEN", "~", "1000000000", REFUSED_ID, "d", ""]),
        trial("XREAD", &["COUNT", "1", "STREAMS", &stream, &format!("{}-0", unix_time::now().as_millis())]),
        trial("XRANGE", &[&stream, "-", "+", "COUNT", "1"]),
        trial("XREVRANGE", &[&stream, "+", "-", "COUNT", "1"]),
        trial("EVAL", &["return 1", "1", &stream]),
        // With `XX` it sets only a key that is there, and this one never is.
        trial("SET", &[&key, "", "XX", "PX", "1"]),
        trial("GET", &[&key]),
    ];
    if options.min_replicas > 0 {
        trials.push(trial("WAIT", &["0", "1"]));
    }
    trials.extend([trial("MULTI", &[]), trial("EXEC", &[])]);
    trials
}

/// Commands that nothing depends on, each with its name in rules.
pub(super) fn extra_trials() -> [(&'static str, Trial); 2] {
    let [ping, set_name] = EXTRAS;
    let mut named = cmd("CLIENT");
    // A name that Redis refuses.
    named.arg("SETNAME").arg("a b");
    [(ping, Trial { name: "PING", command: cmd("PING") }), (set_name, Trial { name: "CLIENT", command: named })]
}

const REFUSED_ID: &str = "0-0";

impl Trial {
    /// Tries it. Returns why it is refused, if it is.
    pub(super) fn run(self, connection: &mut Connection) -> Option<Refusal> {
        let tried: Result<Value, RedisError> = self.command.query(connection);
        let error = tried.err()?;
        if self.name == "XADD" && error.code() == Some("ERR") && error.detail().is_some_and(is_about_id) {
            return None;
        }
        // It follows a `MULTI` that was refused, and that is reported already.
        if self.name == "EXEC" && error.code() == Some("ERR") {
            return None;
        }
        Some(Refusal { command: self.name, failure: Failure::of(&error) })
    }
}

fn is_about_id(detail: &str) -> bool {
    detail.contains(REFUSED_ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(url: &str, min_replicas: u32) -> String {
        let address = url.parse().expect("a URL");
        needed(&BrokerOptions {
            address,
            prefix: "shop".to_owned(),
            max_events: 1000,
            max_bytes: 1 << 20,
            min_replicas,
        })
    }

    #[test]
    fn the_rights_depend_on_the_settings() {
        let least = "'~{shop}:*' +xadd +xread +xrange +xrevrange +eval +set +get +multi +exec";
        assert_eq!(rights("redis://h", 0), format!("{least} +ping '+client|setname'"));
        assert_eq!(rights("redis://h/2", 1), format!("{least} +wait +select +ping '+client|setname'"));
        assert_eq!(rights("redis+sentinel://h/m", 0), format!("{least} +role +ping '+client|setname'"));
    }
}
