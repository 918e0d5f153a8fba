//! Finding the next entries of both forms, in the order of queueing within each lane.

use std::ffi::OsStr;

use super::{Entry, Reader};
use crate::entry_name::EntryName;
use crate::error::ScanError;
use crate::event::Event;
use crate::journal::{TakenRecord, round_begins};
use crate::priority::LANES;

/// What a message has beside the name and the payload of its event.
const MESSAGE_OVERHEAD: u64 = 64;

/// Where the next entry of a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Directory,
    Journal,
}

impl Reader {
    /// Looks at everything, and returns the next entries: at most `max_entries`, and no more once their messages have
    /// reached `max_bytes`. Empty means that none waits, or that all that wait are [held](Self::has_held).
    ///
    /// Entries of one priority come in the order of queueing. Of each 13, 8 may be of the high priority, 4 of the
    /// normal one and 1 of the low one.
    ///
    /// Each must be [acked](Self::ack) or [rejected](Self::reject); until then it is not returned again. A file that
    /// does not parse yet is left for a later scan until its grace period is over.
    ///
    /// # Errors
    /// When the directory or a file in it cannot be read. Nothing is lost: a later scan begins where this one ended.
    pub fn scan(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        loop {
            self.begin_round();
            self.lose_track();
            self.lose_track_of_journal();
            let entries = self.scan_followed(max_entries, max_bytes)?;
            if !entries.is_empty() || !self.has_held {
                return Ok(entries);
            }
        }
    }

    /// The same for a caller that follows the queue: lists its folders only if that is needed. Before each scan the
    /// caller [begins a round](Self::begin_round), and then tells what was reported: first of the
    /// [directory](Self::follow), then of the [journal](Self::follow_journal).
    ///
    /// # Errors
    /// Those of [`scan`](Self::scan).
    pub fn scan_followed(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        let began = self.round.take().unwrap_or_else(round_begins);
        self.journal.begin_round(began);
        (self.has_held, self.has_more) = (false, false);
        if self.directory.update()? {
            // It shows files that are newer than all reports. Older records of their producers must be seen as well.
            self.journal.lose_track();
        }
        self.journal.update()?;
        let entries = self.take(max_entries, max_bytes);
        self.put_strange_segments_aside();
        self.has_held |= self.journal.is_searching();
        entries
    }

    /// Begins a round of reading, before anything is asked of the file system. Entries of the journal that are queued
    /// later wait for the next round, so that nothing older of their producers can be missing.
    pub fn begin_round(&mut self) {
        self.round = Some(round_begins());
    }

    /// Notes a file that has appeared in the directory or was completed, so that no listing is needed to find it.
    ///
    /// Every such file has to be reported, in the order in which they appear, beginning before the first scan. A caller
    /// that missed some calls [`lose_track`](Self::lose_track) before it goes on.
    pub fn follow(&mut self, file: &OsStr) {
        self.directory.follow(file);
    }

    /// Notes that files may have appeared that were not reported: the directory is listed before anything newer is
    /// read.
    pub fn lose_track(&mut self) {
        self.directory.lose_track();
    }

    /// Notes that a segment of the journal has appeared, was written to or was closed.
    pub fn follow_journal(&mut self, file: &OsStr) {
        self.journal.follow(file);
    }

    /// Notes that records may have been added to any segment that is known.
    pub fn look_at_all_segments(&mut self) {
        self.journal.look_at_all();
    }

    /// Notes that segments may have appeared that were not reported.
    pub fn lose_track_of_journal(&mut self) {
        self.journal.lose_track();
    }

    /// Tells whether the last scan found records that wait for the next round.
    pub fn has_held(&self) -> bool {
        self.has_held
    }

    /// Tells whether the last scan ended because it had as much as it was asked for: more may wait.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    fn take(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some((name, events)) = self.journal.take_again() {
            match events {
                Err(error) if error.is_newer() => self.leave_newer(name),
                events => entries.push(Entry { name: name.into(), queued_at: None, events }),
            }
        }
        let mut next = [None; LANES];
        for (lane, next) in next.iter_mut().enumerate() {
            *next = self.next_of(lane)?;
        }
        while entries.len() < max_entries && bytes < max_bytes {
            let Some(lane) = self.turns.next(next.map(|form| form.is_some())) else { break };
            let taken = match next[lane] {
                Some(Form::Journal) => self.take_record(lane),
                _ => self.take_file(lane),
            };
            match taken {
                Ok(Taken::Entry(entry, size)) => {
                    self.turns.note_taken(lane);
                    bytes += message_bytes(size, entry.events.as_deref().unwrap_or_default());
                    entries.push(entry);
                }
                Ok(Taken::Nothing) => {}
                Ok(Taken::Held) => {
                    self.has_held = true;
                    next[lane] = None;
                    continue;
                }
                Err(error) if entries.is_empty() => return Err(error),
                // It comes again with the next scan.
                Err(_) => break,
            }
            match self.next_of(lane) {
                Ok(form) => next[lane] = form,
                Err(error) if entries.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        self.has_more = entries.len() >= max_entries || bytes >= max_bytes;
        Ok(entries)
    }

    /// Where the next entry of a lane is.
    fn next_of(&mut self, lane: usize) -> Result<Option<Form>, ScanError> {
        let file = self.directory.first(lane);
        let record = self.journal.first(lane)?;
        Ok(match (file, record) {
            (None, None) => None,
            (Some(file), record) if record.is_none_or(|record| file <= record) => Some(Form::Directory),
            // A file of its producer may be older that no listing has found yet.
            _ if self.directory.may_overlook() => {
                self.has_held = true;
                None
            }
            // There are more files than are held.
            (None, _) if self.directory.may_miss(lane) => None,
            _ => Some(Form::Journal),
        })
    }

    fn take_file(&mut self, lane: usize) -> Result<Taken, ScanError> {
        let Some(file) = self.directory.take(lane)? else { return Ok(Taken::Nothing) };
        let queued_at = file.name.queued_at();
        Ok(Taken::Entry(Entry { name: file.name.into(), queued_at, events: file.events }, file.bytes))
    }

    fn take_record(&mut self, lane: usize) -> Result<Taken, ScanError> {
        Ok(match self.journal.take(lane)? {
            TakenRecord::Held => Taken::Held,
            TakenRecord::Skipped => Taken::Nothing,
            TakenRecord::Entry { name, events: Err(error), .. } if error.is_newer() => {
                self.leave_newer(name);
                Taken::Nothing
            }
            TakenRecord::Entry { name, queued_at, events, bytes } => {
                let queued_at = Some(queued_at.to_system());
                Taken::Entry(Entry { name: EntryName::Record(name), queued_at, events }, bytes)
            }
        })
    }
}

enum Taken {
    /// An entry, and the bytes of its content.
    Entry(Entry, usize),
    Nothing,
    Held,
}

/// About how many bytes the messages of an entry have for one client: one for each channel of an event. A client gets
/// only those of its own channels, so that they count half. With 1,000 clients that have a channel each, twice as many
/// messages in a batch took 0.8 of the CPU.
fn message_bytes(entry_bytes: usize, events: &[Event]) -> u64 {
    let of_event = |event: &Event| {
        let text = (event.name_json().len() + event.payload_json().len()) as u64 + MESSAGE_OVERHEAD;
        event.channels().map_or(text, |channels| text * channels.len() as u64 / 2)
    };
    // What is no event has been read all the same.
    if events.is_empty() { entry_bytes as u64 + MESSAGE_OVERHEAD } else { events.iter().map(of_event).sum() }
}
