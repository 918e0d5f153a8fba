//! The commands by which the stream is read and written.

use std::time::Duration;

use queue::{ChannelName, Uid};
use redis::{Cmd, ConnectionLike, RedisError, RedisResult, Value, cmd, pipe};

use super::connection::Connection;
use super::entry::{BEGIN, EVENT, GAP, KIND, NONCE, SENT_AT, StreamEntry};
use super::options::BrokerOptions;
use crate::protocol::id::{StreamId, StreamPlace};
use crate::unix_time;

/// How long an event with the same key is a repeat, in milliseconds.
const KEY_TIME_MILLIS: u64 = 300_000;

/// Adds events up to the first that is refused. Those whose key another event has are left out. The arguments: how many
/// entries the stream may have, how many milliseconds a key counts, then five for each event: the number of its key
/// among the keys or 0, its uid, its line, its nonce, and the time.
const ADD_WITH_KEYS: &str = r"
local added = {}
for at = 3, #ARGV, 5 do
  local key, uid = tonumber(ARGV[at]), ARGV[at + 1]
  local is_free = true
  if key > 0 and not redis.call('SET', KEYS[key], uid, 'NX', 'PX', ARGV[2]) then
    is_free = redis.call('GET', KEYS[key]) == uid
  end
  added[#added + 1] = is_free and redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
    'd', ARGV[at + 2], 'n', ARGV[at + 3], 'a', ARGV[at + 4])
end
return added
";

/// The names of our keys in Redis. All begin with the same part in braces, so that a cluster keeps them on one server.
#[derive(Debug, Clone)]
pub(super) struct RedisStream {
    prefix: String,
    key: String,
}

/// An event that is to be added.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) uid: Uid,
    pub(super) json: Vec<u8>,
    /// The key of Redis that stands for the event's own key, if it has one: another event with the same one is a
    /// repeat.
    pub(super) key: Option<String>,
}

impl RedisStream {
    pub(super) fn new(options: &BrokerOptions) -> RedisStream {
        RedisStream { prefix: options.prefix.clone(), key: options.stream_key() }
    }

    /// The name of the key of Redis that says that an event with this key was added.
    pub(super) fn key_of(&self, channel: Option<&ChannelName>, key: &str) -> String {
        format!("{{{}}}:key:{}:{key}", self.prefix, channel.map_or("", ChannelName::as_str))
    }

    /// The name of the stream.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Adds events, all or none of them, unless some have keys: then a first part of them may be added. The stream has
    /// about so many entries at most. Returns those that were added.
    pub(super) fn add(
        &self,
        connection: &mut impl ConnectionLike,
        lines: &[&Line],
        max_entries: u64,
    ) -> RedisResult<Vec<StreamId>> {
        let nonces: Vec<u32> = lines.iter().map(|_| rand::random()).collect();
        let sent_at = unix_time::now().as_millis() as u64;
        let replies: Vec<Value> = if lines.iter().any(|line| line.key.is_some()) {
            self.with_keys(lines, &nonces, sent_at, max_entries).query(connection)?
        } else {
            let mut transaction = pipe();
            transaction.atomic();
            for (line, nonce) in lines.iter().zip(&nonces) {
                let mut add = self.xadd(max_entries);
                add.arg(EVENT).arg(&line.json).arg(NONCE).arg(nonce_text(*nonce)).arg(SENT_AT).arg(sent_at);
                transaction.add_command(add);
            }
            transaction.query(connection)?
        };
        let mut added = Vec::with_capacity(replies.len());
        for (reply, nonce) in replies.into_iter().zip(nonces) {
            if reply != Value::Nil {
                added.push(StreamId { place: place_of(reply)?, nonce });
            }
        }
        Ok(added)
    }

    fn with_keys(&self, lines: &[&Line], nonces: &[u32], sent_at: u64, max_entries: u64) -> Cmd {
        let keys: Vec<&str> = lines.iter().filter_map(|line| line.key.as_deref()).collect();
        let mut script = cmd("EVAL");
        script.arg(ADD_WITH_KEYS).arg(1 + keys.len()).arg(&self.key).arg(keys);
        script.arg(max_entries).arg(KEY_TIME_MILLIS);
        // The first key is the stream.
        let mut next = 2;
        for (line, nonce) in lines.iter().zip(nonces) {
            script.arg(if line.key.is_some() { next } else { 0 });
            next += i32::from(line.key.is_some());
            script.arg(line.uid.to_string()).arg(&line.json).arg(nonce_text(*nonce)).arg(sent_at);
        }
        script
    }

    fn xadd(&self, max_entries: u64) -> Cmd {
        let mut add = cmd("XADD");
        add.arg(&self.key).arg("MAXLEN").arg("~").arg(max_entries).arg("*");
        add
    }

    /// Says in the stream that acknowledged entries were lost.
    pub(super) fn add_gap(&self, connection: &mut impl ConnectionLike, max_entries: u64) -> RedisResult<StreamId> {
        self.add_kind(connection, GAP, max_entries)
    }

    /// Begins an empty stream.
    pub(super) fn add_begin(&self, connection: &mut impl ConnectionLike, max_entries: u64) -> RedisResult<StreamId> {
        self.add_kind(connection, BEGIN, max_entries)
    }

    fn add_kind(&self, connection: &mut impl ConnectionLike, kind: &str, max_entries: u64) -> RedisResult<StreamId> {
        let nonce = rand::random();
        let sent_at = unix_time::now().as_millis() as u64;
        let mut add = self.xadd(max_entries);
        add.arg(KIND).arg(kind).arg(NONCE).arg(nonce_text(nonce)).arg(SENT_AT).arg(sent_at);
        Ok(StreamId { place: place_of(add.query(connection)?)?, nonce })
    }

    /// The newest entry.
    pub(super) fn newest(&self, connection: &mut impl ConnectionLike) -> RedisResult<Option<StreamEntry>> {
        let mut range = cmd("XREVRANGE");
        range.arg(&self.key).arg("+").arg("-").arg("COUNT").arg(1);
        Ok(entries(range.query(connection)?)?.pop())
    }

    /// The oldest entry.
    pub(super) fn oldest(&self, connection: &mut impl ConnectionLike) -> RedisResult<Option<StreamEntry>> {
        Ok(self.after(connection, None, 1)?.pop())
    }

    /// The next entries behind a place, or the first.
    pub(super) fn after(
        &self,
        connection: &mut impl ConnectionLike,
        place: Option<StreamPlace>,
        count: usize,
    ) -> RedisResult<Vec<StreamEntry>> {
        entries(self.range_after(place, count).query(connection)?)
    }

    /// The next entries behind one. `None`: that one is not there any more after the reading.
    pub(super) fn after_entry(
        &self,
        connection: &mut impl ConnectionLike,
        id: StreamId,
        count: usize,
    ) -> RedisResult<Option<Vec<StreamEntry>>> {
        let mut both = pipe();
        both.add_command(self.range_after(Some(id.place), count)).add_command(self.find(id.place));
        let (read, found): (Value, Value) = both.query(connection)?;
        let is_there = entries(found)?.iter().any(|entry| entry.id == id);
        let read = entries(read)?;
        Ok(is_there.then_some(read))
    }

    fn range_after(&self, place: Option<StreamPlace>, count: usize) -> Cmd {
        let from = place.map_or_else(|| "-".to_owned(), |place| format!("({place}"));
        let mut range = cmd("XRANGE");
        range.arg(&self.key).arg(from).arg("+").arg("COUNT").arg(count);
        range
    }

    /// Whether an entry is there.
    pub(super) fn has(&self, connection: &mut impl ConnectionLike, id: StreamId) -> RedisResult<bool> {
        Ok(entries(self.find(id.place).query(connection)?)?.iter().any(|entry| entry.id == id))
    }

    fn find(&self, place: StreamPlace) -> Cmd {
        let mut range = cmd("XRANGE");
        range.arg(&self.key).arg(place.to_string()).arg(place.to_string());
        range
    }

    /// Asks for entries behind one, and whether that one is there after the reading. The server answers when there are
    /// some, or after a time, or at once if none is given.
    pub(super) fn ask_after(
        &self,
        connection: &mut Connection,
        id: StreamId,
        count: usize,
        time: Option<Duration>,
    ) -> RedisResult<()> {
        let mut both = pipe();
        let read = both.cmd("XREAD").arg("COUNT").arg(count);
        if let Some(time) = time {
            read.arg("BLOCK").arg(time.as_millis() as u64);
        }
        read.arg("STREAMS").arg(&self.key).arg(id.place.to_string());
        both.add_command(self.find(id.place));
        connection.send(&both.get_packed_pipeline())
    }

    /// Reads the answer. `None`: the entry that was asked behind is not there any more.
    pub(super) fn answer_after(
        &self,
        connection: &mut Connection,
        id: StreamId,
    ) -> RedisResult<Option<Vec<StreamEntry>>> {
        let (read, found) = (connection.receive()?, connection.receive()?);
        let is_there = entries(found.extract_error()?)?.iter().any(|entry| entry.id == id);
        let read = StreamEntry::read_stream(read.extract_error()?).ok_or_else(unexpected)?;
        Ok(is_there.then_some(read))
    }
}

fn nonce_text(nonce: u32) -> String {
    format!("{nonce:08x}")
}

fn entries(reply: Value) -> RedisResult<Vec<StreamEntry>> {
    StreamEntry::read_all(reply).ok_or_else(unexpected)
}

fn place_of(reply: Value) -> RedisResult<StreamPlace> {
    let text: String = redis::from_redis_value(reply)?;
    StreamPlace::parse(&text).ok_or_else(unexpected)
}

fn unexpected() -> RedisError {
    (redis::ErrorKind::UnexpectedReturnType, "the server's reply is not that of a stream").into()
}
