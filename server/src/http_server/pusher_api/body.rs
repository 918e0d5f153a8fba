//! Bodies of requests, within bounds of size, time and number. Only those are read whose request is signed.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::refused::Refused;

/// How long a body may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits because of the bodies of others.
const ROOM_TIMEOUT: Duration = Duration::from_secs(5);
/// What of a body is no event: the longest lists of channels fit.
const MAX_BESIDE_EVENT: usize = 64 * 1024;
/// How many bodies there are at a time.
const MAX_BODIES: usize = 64;
/// So many of the largest are there at a time.
const MAX_LARGEST: usize = 4;

/// The bound of each body, and of all together.
#[derive(Debug)]
pub(super) struct Bodies {
    limit: usize,
    /// What one body counts at least, and in what all of them are counted.
    unit: usize,
    room: Arc<Semaphore>,
}

/// The room that a body takes, until what was in it is in the queue.
#[derive(Debug)]
pub(super) struct Room(#[expect(dead_code, reason = "it is given back when dropped")] OwnedSemaphorePermit);

impl Bodies {
    /// For events of so many bytes. A text of JSON in a string of JSON is twice as long at most, but for control
    /// characters.
    pub(super) fn new(max_event_bytes: usize) -> Bodies {
        let limit = max_event_bytes.saturating_mul(2).saturating_add(MAX_BESIDE_EVENT);
        let unit = limit.div_ceil(MAX_BODIES / MAX_LARGEST);
        Bodies { limit, unit, room: Arc::new(Semaphore::new(MAX_BODIES)) }
    }

    /// Reads a body to its end. It counts as long as its room is kept.
    pub(super) async fn read<B>(&self, mut body: B) -> Result<(Vec<u8>, Room), Refused>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        // What is declared is refused before anything is read, and before it takes room.
        let declared = body.size_hint().upper().map(|declared| usize::try_from(declared).unwrap_or(usize::MAX));
        if declared.is_some_and(|declared| declared > self.limit) {
            return Err(self.too_large());
        }
        let largest = declared.unwrap_or(self.limit);
        let units = u32::try_from(largest.div_ceil(self.unit).max(1)).unwrap_or(u32::MAX);
        let Ok(Ok(room)) = timeout(ROOM_TIMEOUT, self.room.clone().acquire_many_owned(units)).await else {
            let sentence = "too many requests at a time: send fewer at once, or try again";
            return Err(Refused::unavailable(sentence));
        };
        let reading = async {
            let mut read = Vec::with_capacity(declared.unwrap_or_default());
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| Refused::bad(format!("the body cannot be read: {error}")))?;
                // Trailers mean nothing.
                let Ok(data) = frame.into_data() else { continue };
                if data.len() > self.limit - read.len() {
                    return Err(self.too_large());
                }
                read.extend_from_slice(&data);
            }
            Ok(read)
        };
        match timeout(READ_TIMEOUT, reading).await {
            Ok(read) => Ok((read?, Room(room))),
            Err(_) => Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "the body has not come in time")),
        }
    }

    fn too_large(&self) -> Refused {
        let sentence = format!(
            "the body has more than {} bytes (2 x max_event_bytes and {MAX_BESIDE_EVENT}): send less, or raise \
             max_event_bytes",
            self.limit
        );
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    fn full(length: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![b'x'; length]))
    }

    /// A body that does not say how long it is.
    fn streamed(pieces: &[usize]) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from(vec![b'x'; *piece])))).collect();
        StreamBody::new(futures_util::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_bound_and_refused_beyond() {
        let bodies = Bodies::new(1000);
        let limit = 2000 + MAX_BESIDE_EVENT;
        assert_eq!(bodies.read(full(limit)).await.expect("read").0.len(), limit);
        assert_eq!(bodies.read(full(limit + 1)).await.expect_err("too large").status, 413);
        assert_eq!(bodies.read(streamed(&[limit - 5, 5])).await.expect("read").0.len(), limit);
        assert_eq!(bodies.read(streamed(&[limit, 1])).await.expect_err("too large").status, 413);
        assert_eq!(bodies.room.available_permits(), MAX_BODIES);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_few_at_a_time_and_fewer_large_ones() {
        let bodies = Bodies::new(1000);
        let mut rooms = Vec::new();
        for _ in 0..MAX_BODIES {
            rooms.push(bodies.read(full(1)).await.expect("room").1);
        }
        assert_eq!(bodies.read(full(1)).await.expect_err("no room").status, 503);
        rooms.clear();
        for _ in 0..MAX_LARGEST {
            rooms.push(bodies.read(streamed(&[1])).await.expect("room").1);
        }
        assert_eq!(bodies.read(full(1)).await.expect_err("no room").status, 503);
        rooms.pop();
        assert!(bodies.read(full(1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_given_up() {
        let bodies = Bodies::new(1000);
        let body = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
        assert_eq!(bodies.read(body).await.expect_err("too slow").status, 408);
        assert_eq!(bodies.room.available_permits(), MAX_BODIES);
    }
}
