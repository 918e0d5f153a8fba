//! Publications that go in together. What is for everybody is encoded when it is added. What is for channels is
//! encoded when the batch goes in, for those channels that have subscribers then.

use std::ops::Range;

use queue::ChannelName;

use crate::protocol::{Written, client_id, native, plain};
use crate::publication::{Audience, Publication};

/// Publications that go into the hub at once, encoded once for all clients. Used again and again, it allocates nothing
/// for what is for everybody.
#[derive(Debug, Default)]
pub struct Batch {
    /// For clients that get what is for everybody and nothing else.
    pub(super) frames: Vec<u8>,
    /// Where the frame of each ends. A publication for channels has none there.
    pub(super) ends: Vec<usize>,
    /// When each was queued, in microseconds since 1970. 0: not known.
    pub(super) queued_at: Vec<u64>,
    /// The messages of publications for channels, without their ends.
    texts: Vec<u8>,
    channels: Vec<ChannelName>,
    /// One for each publication.
    pub(super) items: Vec<Item>,
}

/// What is known of a publication beside its frame.
#[derive(Debug)]
pub(super) struct Item {
    /// Its message without the last brace: in `frames` if it is for everybody, else in `texts`.
    text: Range<usize>,
    /// Bytes of its name there.
    name_len: usize,
    /// Its channels in `channels`. None: it is for everybody.
    channels: Option<Range<usize>>,
    /// The id of the client that does not get it.
    pub(super) except: Option<client_id::ClientId>,
    /// From when on nobody needs it, in seconds since 1970.
    pub(super) expires_at: Option<f64>,
}

impl Batch {
    /// Adds a publication after the others.
    pub fn push(&mut self, publication: &Publication<'_>) {
        let (text, channels) = match publication.audience {
            Audience::Everybody => {
                let start = self.frames.len();
                plain::encode(publication, &mut self.frames);
                (native::text_of_plain(&self.frames, start), None)
            }
            Audience::Channels(names) => {
                let (start, first) = (self.texts.len(), self.channels.len());
                native::write_text(publication, &mut self.texts);
                self.channels.extend_from_slice(names);
                (start..self.texts.len(), Some(first..self.channels.len()))
            }
        };
        self.ends.push(self.frames.len());
        self.queued_at.push(publication.queued_at.map_or(0, |at| at.as_micros() as u64));
        let except = publication.except.and_then(|id| id.parse().ok());
        let name_len = publication.name_json.len();
        self.items.push(Item { text, name_len, channels, except, expires_at: publication.expires_at });
    }

    /// Adds a publication that nobody gets: each entry of the broker's stream takes a number, also one without an
    /// event.
    pub(crate) fn push_nothing(&mut self) {
        let (text, channels) = (self.texts.len(), self.channels.len());
        self.ends.push(self.frames.len());
        self.queued_at.push(0);
        let (text, channels) = (text..text, Some(channels..channels));
        self.items.push(Item { text, name_len: 0, channels, except: None, expires_at: None });
    }

    /// How many publications there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all messages.
    pub fn bytes(&self) -> u64 {
        (self.frames.len() + self.texts.len()) as u64
    }

    /// Forgets all publications, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
        self.queued_at.clear();
        self.texts.clear();
        self.channels.clear();
        self.items.clear();
    }

    /// What a publication says.
    pub(super) fn written(&self, item: &Item) -> Written<'_> {
        let texts = if item.channels.is_none() { &self.frames } else { &self.texts };
        Written { text: &texts[item.text.clone()], name_len: item.name_len }
    }

    /// The channels of a publication. None: it is for everybody.
    pub(super) fn channels(&self, item: &Item) -> Option<&[ChannelName]> {
        item.channels.clone().map(|range| &self.channels[range])
    }
}
