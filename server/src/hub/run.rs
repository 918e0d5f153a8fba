//! Publications that wait in outboxes. Sessions of a channel share them: each holds the first piece that it has not
//! written, and a piece leads to the next. So an event that waits for 10,000 sessions is in memory once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Each piece of a turn has a clone. While there is a clone besides the original, something of that turn waits.
#[derive(Debug, Clone)]
pub(super) struct Ticket(Arc<Instant>);

/// What one turn of the hub's thread has for some sessions: whole frames.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Box<[u8]>,
    ticket: Ticket,
    /// The sum of all bytes that are shared, if these are.
    shared: Option<Arc<AtomicUsize>>,
    /// What the same sessions are to get next.
    next: OnceLock<Arc<Piece>>,
}

/// The pieces that one session is to write, one after the other.
#[derive(Debug)]
pub(super) struct Run {
    first: Arc<Piece>,
    last: Arc<Piece>,
    /// Bytes of the first that were written.
    written: usize,
}

impl Ticket {
    pub(super) fn new(now: Instant) -> Ticket {
        Ticket(Arc::new(now))
    }

    /// When the turn was.
    fn time(&self) -> Instant {
        *self.0
    }

    /// Whether others have it as well.
    pub(super) fn is_kept(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Piece {
    /// For one session.
    pub(super) fn own(bytes: &[u8], ticket: Ticket) -> Piece {
        Piece { bytes: bytes.into(), ticket, shared: None, next: OnceLock::new() }
    }

    /// For several sessions. Its bytes are in the sum until the last of them has written it.
    pub(super) fn shared(bytes: &[u8], ticket: Ticket, sum: &Arc<AtomicUsize>) -> Piece {
        sum.fetch_add(bytes.len(), Ordering::Relaxed);
        Piece { bytes: bytes.into(), ticket, shared: Some(sum.clone()), next: OnceLock::new() }
    }

    /// Sets the piece that follows. Only the first call has an effect.
    pub(super) fn lead_to(&self, next: Arc<Piece>) {
        self.next.get_or_init(|| next);
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(sum) = self.shared.take() {
            sum.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        }
        // One after the other: a long row would exceed the stack.
        let mut next = self.next.take();
        while let Some(mut piece) = next.and_then(Arc::into_inner) {
            next = piece.next.take();
        }
    }
}

impl Run {
    pub(super) fn new(piece: Arc<Piece>, written: usize) -> Run {
        Run { first: piece.clone(), last: piece, written }
    }

    /// Adds a piece if the last one leads to it. Returns whether it does.
    pub(super) fn extend(&mut self, piece: &Arc<Piece>) -> bool {
        let leads_to_it = self.last.next.get().is_some_and(|next| Arc::ptr_eq(next, piece));
        if leads_to_it {
            self.last = piece.clone();
        }
        leads_to_it
    }

    pub(super) fn is_shared(&self) -> bool {
        self.first.is_shared()
    }

    /// Becomes one piece that no other session has.
    pub(super) fn unshare(&mut self) {
        if !self.is_shared() {
            return;
        }
        let mut bytes = self.first.bytes[..self.written].to_vec();
        self.visit(|unwritten| {
            bytes.extend_from_slice(unwritten);
            ControlFlow::Continue(())
        });
        let piece = Arc::new(Piece::own(&bytes, self.first.ticket.clone()));
        *self = Run::new(piece, self.written);
    }

    /// The time of the turn of its first piece.
    pub(super) fn time(&self) -> Instant {
        self.first.ticket.time()
    }

    /// Whether some of its first piece was written.
    pub(super) fn has_begun(&self) -> bool {
        self.written > 0
    }

    /// The first piece, and how much of it was written.
    pub(super) fn front(&self) -> (&[u8], usize) {
        (&self.first.bytes, self.written)
    }

    /// Bytes that are not written.
    pub(super) fn len(&self) -> usize {
        let mut length = 0;
        self.visit(|bytes| {
            length += bytes.len();
            ControlFlow::Continue(())
        });
        length
    }

    /// Shows what is not written, in order, until it is enough.
    pub(super) fn visit<'a>(&'a self, mut show: impl FnMut(&'a [u8]) -> ControlFlow<()>) {
        let (mut piece, mut written) = (&self.first, self.written);
        while show(&piece.bytes[written..]).is_continue()
            && !Arc::ptr_eq(piece, &self.last)
            && let Some(next) = piece.next.get()
        {
            (piece, written) = (next, 0);
        }
    }

    /// Notes that at most so many bytes were written. Returns how many of them were of this run, and whether that is
    /// all of it.
    pub(super) fn advance(&mut self, written: usize) -> (usize, bool) {
        let mut left = written;
        loop {
            let of_piece = left.min(self.first.len() - self.written);
            (left, self.written) = (left - of_piece, self.written + of_piece);
            if self.written < self.first.len() {
                return (written - left, false);
            }
            let next = self.first.next.get().filter(|_| !Arc::ptr_eq(&self.first, &self.last)).cloned();
            let Some(next) = next else { return (written - left, true) };
            (self.first, self.written) = (next, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&str], sum: &Arc<AtomicUsize>) -> Vec<Arc<Piece>> {
        let ticket = Ticket::new(Instant::now());
        let pieces: Vec<_> =
            texts.iter().map(|text| Arc::new(Piece::shared(text.as_bytes(), ticket.clone(), sum))).collect();
        pieces.windows(2).for_each(|pair| pair[0].lead_to(pair[1].clone()));
        pieces
    }

    fn text(run: &Run) -> String {
        let mut text = Vec::new();
        run.visit(|bytes| {
            text.extend_from_slice(bytes);
            ControlFlow::Continue(())
        });
        String::from_utf8(text).expect("a text")
    }

    #[test]
    fn a_run_takes_what_its_last_piece_leads_to_and_nothing_else() {
        let sum = Arc::default();
        let [a, b, c] = pieces(&["ab", "cd", "ef"], &sum).try_into().expect("three");
        let mut run = Run::new(a, 1);
        assert!(!run.extend(&c), "one is between");
        assert!(run.extend(&b) && !run.extend(&b));
        assert_eq!((text(&run).as_str(), run.len()), ("bcd", 3));
        assert!(run.extend(&c));
        assert_eq!(run.advance(2), (2, false));
        assert_eq!((text(&run).as_str(), run.len()), ("def", 3));
        assert_eq!(run.advance(9), (3, true));
    }

    #[test]
    fn a_run_ends_with_its_last_piece_although_that_leads_on() {
        let sum = Arc::default();
        let [a, b, c] = pieces(&["ab", "cd", "ef"], &sum).try_into().expect("three");
        let mut run = Run::new(a, 0);
        assert!(run.extend(&b));
        assert_eq!(text(&run), "abcd");
        assert_eq!(run.advance(4), (4, true));
        drop(c);
    }

    #[test]
    fn pieces_are_counted_once_and_until_the_last_session_has_written_them() {
        let sum = Arc::default();
        let all = pieces(&["ab", "cd", "ef"], &sum);
        let mut runs = [Run::new(all[0].clone(), 0), Run::new(all[0].clone(), 0)];
        runs.iter_mut().for_each(|run| assert!(run.extend(&all[1]) && run.extend(&all[2])));
        drop(all);
        assert_eq!(sum.load(Ordering::Relaxed), 6);
        runs[0].advance(5);
        assert_eq!(sum.load(Ordering::Relaxed), 6, "the other has written nothing");
        runs[1].advance(4);
        assert_eq!(sum.load(Ordering::Relaxed), 2);
        drop(runs);
        assert_eq!(sum.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_run_that_shares_nothing_any_more_keeps_no_later_piece() {
        let sum = Arc::default();
        let [a, b, c] = pieces(&["ab", "cd", "ef"], &sum).try_into().expect("three");
        let mut run = Run::new(a, 1);
        assert!(run.extend(&b));
        drop((b, c));
        assert_eq!(sum.load(Ordering::Relaxed), 6, "the first leads to all others");
        run.unshare();
        assert_eq!((sum.load(Ordering::Relaxed), text(&run).as_str(), run.is_shared()), (0, "bcd", false));
        assert_eq!(run.advance(3), (3, true));
    }

    #[test]
    fn a_long_row_is_dropped() {
        let sum = Arc::default();
        let mut all = pieces(&vec!["a"; 300_000], &sum);
        all.truncate(1);
        assert_eq!(sum.load(Ordering::Relaxed), 300_000);
        drop(all);
        assert_eq!(sum.load(Ordering::Relaxed), 0);
    }
}
