//! Writing a log again as a whole, after it could not be written and was deleted.

use std::io;
use std::time::Instant;

use queue::Announcement;
use tracing::{debug, info};

use super::directory::LogDirectory;
use super::event::Logged;
use super::file::LogFile;
use super::time::{LogTime, Trimmed};
use super::{HistoryLog, RENEWAL_INTERVAL, State};

/// Most bytes of a record when the log is written as a whole.
pub(super) const RENEWED_RECORD_BYTES: usize = 256 * 1024;

impl HistoryLog {
    /// Whether there is no log, and the time has come to write a new one.
    pub(crate) fn needs_renewal(&self, now: Instant) -> bool {
        matches!(self.state, State::Missing(_, due) if due <= now)
    }

    /// Lets that time come.
    #[cfg(test)]
    pub(crate) fn make_renewal_due(&mut self) {
        if let State::Missing(_, due) = &mut self.state {
            *due = Instant::now();
        }
    }

    /// Writes a new log as a whole, where there is none: all events that are kept after `trimmed`, without a hole up to
    /// the last number that was given, and before them those that are not acked. In the order of their numbers.
    ///
    /// Returns whether there is a log now. If not, the next try is a minute later.
    pub(crate) fn renew<'a>(
        &mut self,
        trimmed: Trimmed,
        events: impl IntoIterator<Item = (LogTime, Logged<'a>)>,
    ) -> bool {
        let State::Missing(directory, due) = &mut self.state else { return true };
        *due = Instant::now() + RENEWAL_INTERVAL;
        let directory = directory.take();
        let renewed = self.try_renew(directory, trimmed, events).and_then(|(directory, file)| {
            self.state = State::Written(directory, file);
            self.announce_late()
        });
        match &renewed {
            Ok(()) => info!(path = %self.location.log().display(), "the history log is written again"),
            Err(error) => debug!(%error, "the history log can still not be written"),
        }
        renewed.is_ok()
    }

    /// Says in the queue directory which epoch this is, where that could not be written at the start. This stands
    /// behind the new log, so that one that is there from before is not taken for complete.
    fn announce_late(&mut self) -> io::Result<()> {
        if !self.is_announced {
            // It may be there although that failed, and the log does not go on then. If the log cannot be deleted
            // either, the next batch waits.
            let announced = Announcement::new(self.epoch).write(self.location.queue());
            announced.inspect_err(|_| drop(self.give_up()))?;
            self.is_announced = true;
        }
        Ok(())
    }

    fn try_renew<'a>(
        &mut self,
        directory: Option<LogDirectory>,
        trimmed: Trimmed,
        events: impl IntoIterator<Item = (LogTime, Logged<'a>)>,
    ) -> io::Result<(LogDirectory, LogFile)> {
        let directory = directory.map_or_else(|| self.location.open(), Ok).map_err(io::Error::other)?;
        let written = LogFile::create(&directory, self.epoch, &self.boot_id, trimmed).and_then(|mut file| {
            self.write_all(&mut file, events)?;
            file.state_end()?;
            file.sync()?;
            directory.commit()?;
            Ok(file)
        });
        let file = written.inspect_err(|_| directory.discard())?;
        Ok((directory, file))
    }

    /// Writes events, those of one time as one record, unless they are many.
    fn write_all<'a>(
        &mut self,
        file: &mut LogFile,
        events: impl IntoIterator<Item = (LogTime, Logged<'a>)>,
    ) -> io::Result<()> {
        let record = &mut self.record;
        let mut time = None;
        record.begin();
        for (at, event) in events {
            if let Some(time) = time
                && (time != at || record.len() >= RENEWED_RECORD_BYTES)
            {
                let last = record.last();
                file.append(record.finish(time)?, last, time)?;
                record.begin();
            }
            record.push(&event);
            time = Some(at);
        }
        match time {
            Some(time) => {
                let last = record.last();
                file.append(record.finish(time)?, last, time)
            }
            None => Ok(()),
        }
    }
}
