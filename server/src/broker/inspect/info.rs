//! What Redis says of itself, in `HELLO` and `INFO`.

use std::collections::HashMap;

use redis::Value;

use super::Seen;

/// The oldest version of Redis that has what the stream needs: `XRANGE` from after an entry.
const NEEDED: (u32, u32) = (6, 2);

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Software {
    /// Such as `redis` or `valkey`.
    pub name: String,
    /// Such as `7.2.4`.
    pub version: String,
    /// Whether it is new enough.
    pub is_sufficient: bool,
}

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One server, perhaps with replicas.
    Standalone,
    /// A part of a cluster.
    Cluster,
    /// It says which server is the master, and has no data.
    Sentinel,
}

/// Memory of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// What it uses, in bytes.
    pub used: u64,
    /// What it may use, in bytes.
    pub limit: Option<u64>,
    /// What it does at the limit.
    pub policy: String,
}

/// What a server writes to disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saving {
    /// Whether it appends each command to a file.
    pub is_append_only: bool,
    /// When that file is synced: `appendfsync`.
    pub syncs: Seen<String>,
    /// Whether it saves snapshots of everything from time to time.
    pub snapshots: Seen<bool>,
}

/// `HELLO` says what a server is for.
pub(super) fn mode(hello: &Seen<HashMap<String, Value>>) -> Option<Mode> {
    match text(hello.as_ref().ok()?, "mode")?.as_str() {
        "standalone" => Some(Mode::Standalone),
        "cluster" => Some(Mode::Cluster),
        "sentinel" => Some(Mode::Sentinel),
        _ => None,
    }
}

fn text(hello: &HashMap<String, Value>, key: &str) -> Option<String> {
    match hello.get(key) {
        Some(Value::BulkString(bytes)) => String::from_utf8(bytes.clone()).ok(),
        Some(Value::SimpleString(text)) => Some(text.clone()),
        _ => None,
    }
}

impl Software {
    /// `HELLO` says it, and needs no rights. Redis 5 has only `INFO`.
    pub(super) fn of(hello: Seen<HashMap<String, Value>>, info: &Seen<String>) -> Seen<Software> {
        let said = hello.ok().and_then(|hello| Some((text(&hello, "server")?, text(&hello, "version")?)));
        match (said, info) {
            (Some((name, version)), _) => Ok(Software::new(name, version)),
            (None, Ok(info)) => {
                let version = value(info, "redis_version").ok_or("it does not say its version")?;
                Ok(Software::new("redis".to_owned(), version.to_owned()))
            }
            (None, Err(reason)) => Err(reason.clone()),
        }
    }

    fn new(name: String, version: String) -> Software {
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or_default());
        let numbers = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        Software { name, version, is_sufficient: numbers >= NEEDED }
    }
}

impl Memory {
    pub(super) fn of(info: &str) -> Seen<Memory> {
        let number = |key| value(info, key).and_then(|number| number.parse::<u64>().ok());
        let (used, limit) = (number("used_memory"), number("maxmemory"));
        let (Some(used), Some(limit), Some(policy)) = (used, limit, value(info, "maxmemory_policy")) else {
            return Err("it does not say how much memory it may use".to_owned());
        };
        Ok(Memory { used, limit: (limit > 0).then_some(limit), policy: policy.to_owned() })
    }
}

/// Replicas that have all data.
pub(super) fn replicas(info: &str) -> u32 {
    let is_replica = |name: &str| name.strip_prefix("slave").is_some_and(|number| number.parse::<u32>().is_ok());
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(name, value)| is_replica(name) && value.split(',').any(|part| part == "state=online")).count() as u32
}

/// A value of `INFO`.
pub(super) fn value<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    info.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| *name == key).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn software(name: &str, version: &str) -> Software {
        let said = [("server", name), ("version", version)];
        let said = said.map(|(key, text)| (key.to_owned(), Value::BulkString(text.as_bytes().to_owned())));
        Software::of(Ok(HashMap::from(said)), &Err("refused".to_owned())).expect("it says so")
    }

    #[test]
    fn versions_of_redis_and_of_valkey_are_compared_as_numbers() {
        for (name, version, is_sufficient) in [
            ("redis", "6.2.0", true),
            ("redis", "7.0.15", true),
            ("redis", "10.0.0", true),
            ("valkey", "7.2.5", true),
            ("valkey", "9.0", true),
            ("redis", "6.0.16", false),
            ("redis", "5.0.14", false),
            ("redis", "255.255.255", true),
            ("redis", "unknown", false),
        ] {
            let expected = Software { name: name.to_owned(), version: version.to_owned(), is_sufficient };
            assert_eq!(software(name, version), expected);
        }
    }

    #[test]
    fn one_that_knows_no_hello_says_its_version_in_info() {
        let info = Ok("# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\n".to_owned());
        let found = Software::of(Err("unknown".to_owned()), &info).expect("a version");
        assert_eq!((found.version.as_str(), found.is_sufficient), ("5.0.14", false));
        assert_eq!(Software::of(Err("unknown".to_owned()), &Err("refused".to_owned())), Err("refused".to_owned()));
    }

    #[test]
    fn replicas_count_when_they_have_all_data() {
        let info = "role:master\r\nconnected_slaves:3\r\nslave0:ip=::1,port=1,state=online,offset=1,lag=0\r\n\
                    slave1:ip=::1,port=2,state=wait_bgsave,offset=0,lag=0\r\n\
                    slave2:ip=::1,port=3,state=online,offset=1,lag=1\r\nslave_expires_tracked_keys:0\r\n";
        assert_eq!(replicas(info), 2);
        assert_eq!(replicas("role:master\r\nconnected_slaves:0\r\n"), 0);
    }

    #[test]
    fn memory_without_a_limit_has_none() {
        let memory = |limit: &str| {
            Memory::of(&format!("used_memory:12\r\nmaxmemory:{limit}\r\nmaxmemory_policy:noeviction\r\n"))
        };
        assert_eq!(memory("0"), Ok(Memory { used: 12, limit: None, policy: "noeviction".to_owned() }));
        assert_eq!(memory("99").expect("memory").limit, Some(99));
        assert!(memory("").is_err());
    }
}
