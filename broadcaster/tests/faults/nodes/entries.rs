//! Entries of the stream, as a server tells them and as its append-only files have them.

use std::fs;
use std::path::{Path, PathBuf};

use redis::{Parser, Value};
use serde_json::Value as Json;
use testkit::redis::RedisServer;

use crate::torture::message::{EventKey, Id};
use crate::torture::order::Place;

/// The key of the stream.
pub(super) const STREAM: &str = "{fastapi}:events";

/// An entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// What its sender has drawn.
    pub(super) drawn: u32,
    /// None: it only says that something was lost, or begins the stream.
    pub(super) event: Option<EventKey>,
}

impl Entry {
    pub(super) fn id(self) -> Id {
        Id { epoch: self.place.0, number: self.place.1, drawn: Some(self.drawn) }
    }

    /// From its place and its fields.
    fn of(place: &str, fields: &[String]) -> Entry {
        let (millis, number) = place.split_once('-').unwrap();
        let field = |name: &str| fields.chunks(2).find(|field| field[0] == name).map(|field| field[1].as_str());
        let event = field("d").map(|line| {
            let line: Json = serde_json::from_str(line).unwrap();
            let part = |index: usize| line["payload"][index].as_u64().unwrap() as u32;
            (part(0), part(1))
        });
        let drawn = u32::from_str_radix(field("n").unwrap(), 16).unwrap();
        Entry { place: (millis.parse().unwrap(), number.parse().unwrap()), drawn, event }
    }
}

/// All that a server has now.
pub(super) fn all_of(server: &RedisServer) -> Vec<Entry> {
    of_reply(server.command(&["XRANGE", STREAM, "-", "+"]))
}

/// Empties a server. Returns what it had.
pub(super) fn flush(server: &RedisServer) -> Vec<Entry> {
    const SCRIPT: &str = "local had = redis.call('XRANGE', KEYS[1], '-', '+') redis.call('FLUSHALL') return had";
    of_reply(server.command(&["EVAL", SCRIPT, "1", STREAM]))
}

fn of_reply(reply: Value) -> Vec<Entry> {
    list(reply)
        .into_iter()
        .map(|entry| {
            let [place, fields] = <[Value; 2]>::try_from(list(entry)).unwrap();
            Entry::of(&text(place), &list(fields).into_iter().map(text).collect::<Vec<_>>())
        })
        .collect()
}

/// All that a server had that was killed, by its append-only files.
pub(super) fn all_in_files_of(server: &RedisServer) -> Vec<Entry> {
    let mut entries = Vec::new();
    for file in append_only_files(server.directory()) {
        let content = fs::read(file).unwrap();
        let (mut rest, mut parser) = (&content[..], Parser::new());
        // The last command may not be whole.
        while let Ok(command) = parser.parse_value(&mut rest) {
            let command: Vec<String> = list(command).into_iter().map(text).collect();
            match command[0].to_ascii_uppercase().as_str() {
                "XADD" => {
                    let place = command.iter().skip(2).position(|argument| is_place(argument)).unwrap() + 2;
                    entries.push(Entry::of(&command[place], &command[place + 1..]));
                }
                "FLUSHALL" => entries.clear(),
                _ => {}
            }
        }
    }
    entries
}

/// In their order.
fn append_only_files(directory: &Path) -> Vec<PathBuf> {
    let directory = directory.join("appendonlydir");
    let manifest = fs::read_to_string(directory.join("appendonly.aof.manifest")).unwrap();
    let names = manifest.lines().map(|line| line.split(' ').nth(1).unwrap());
    names.map(|name| directory.join(name)).collect()
}

/// The file to which a server appends.
pub(super) fn appended_file(server: &RedisServer) -> PathBuf {
    append_only_files(server.directory()).pop().unwrap()
}

fn is_place(text: &str) -> bool {
    text.split_once('-').is_some_and(|(millis, number)| [millis, number].iter().all(|part| part.parse::<u64>().is_ok()))
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => panic!("{other:?}"),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
        Value::SimpleString(text) => text,
        other => panic!("{other:?}"),
    }
}
