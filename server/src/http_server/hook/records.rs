//! The records of FastCGI 1.0, of one request with the number 1: what asks a script, and what it answers.
//!
//! We have a layer of our own, because the crate `fastcgi-client` (0.12) panics on a short last record, keeps any amount
//! of output, takes a connection that breaks for the end of the answer, and logs the parameters, cookies among them.

use thiserror::Error;

const VERSION: u8 = 1;
const BEGIN: u8 = 1;
const END: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
const ID: u16 = 1;
const HEADER_BYTES: usize = 8;
const END_BYTES: usize = 8;
/// Most bytes of one record.
const MAX_CONTENT: usize = u16::MAX as usize;
/// How much of what a script writes to its log is kept for ours.
const MAX_ERRORS: usize = 1024;

/// Appends a parameter to others: the lengths of name and value, then both.
pub(super) fn push_param(params: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for length in [name.len(), value.len()] {
        match u8::try_from(length) {
            Ok(length @ 0..128) => params.push(length),
            // Those of a request's head are far shorter than 2 GiB.
            _ => params.extend_from_slice(&(length as u32 | 1 << 31).to_be_bytes()),
        }
    }
    params.extend_from_slice(name);
    params.extend_from_slice(value);
}

/// A request without a body. The connection ends with it.
pub(super) fn request(params: &[u8]) -> Vec<u8> {
    let mut request = Vec::with_capacity(params.len() + 64);
    // The role of a responder, and no flag that would keep the connection.
    push_record(&mut request, BEGIN, &[0, 1, 0, 0, 0, 0, 0, 0]);
    params.chunks(MAX_CONTENT).for_each(|part| push_record(&mut request, PARAMS, part));
    push_record(&mut request, PARAMS, &[]);
    push_record(&mut request, STDIN, &[]);
    request
}

fn push_record(request: &mut Vec<u8>, kind: u8, content: &[u8]) {
    request.extend_from_slice(&[VERSION, kind]);
    request.extend_from_slice(&ID.to_be_bytes());
    // A chunk has no more.
    request.extend_from_slice(&(content.len() as u16).to_be_bytes());
    request.extend_from_slice(&[0, 0]);
    request.extend_from_slice(content);
}

/// Why bytes are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum RecordError {
    #[error("it does not speak FastCGI")]
    NotFastcgi,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("the FastCGI server has refused the request (status {0})")]
    Refused(u8),
    #[error("something came after the end of the answer")]
    AfterEnd,
}

/// Takes the bytes of an answer apart as they come, in memory of known size.
#[derive(Debug)]
pub(super) struct Decoder {
    max_bytes: usize,
    header: [u8; HEADER_BYTES],
    /// Bytes of the header that are there.
    filled: usize,
    /// Bytes of the present record that are to come: content, then padding.
    content: usize,
    padding: usize,
    end: [u8; END_BYTES],
    ended: bool,
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Decoder {
    /// The script may write so many bytes.
    pub(super) fn new(max_bytes: usize) -> Decoder {
        Decoder {
            max_bytes,
            header: [0; HEADER_BYTES],
            filled: 0,
            content: 0,
            padding: 0,
            end: [0; END_BYTES],
            ended: false,
            output: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Takes bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), RecordError> {
        while !bytes.is_empty() {
            if self.ended {
                return Err(RecordError::AfterEnd);
            }
            let taken = if self.filled < HEADER_BYTES {
                self.take_header(bytes)?
            } else if self.content > 0 {
                self.take_content(bytes)?
            } else {
                let taken = self.padding.min(bytes.len());
                self.padding -= taken;
                taken
            };
            bytes = &bytes[taken..];
            if self.filled == HEADER_BYTES && self.content == 0 && self.padding == 0 {
                self.finish_record()?;
            }
        }
        Ok(())
    }

    /// Whether the answer is complete.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// What the script has written.
    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    /// The beginning of what it has written to its log.
    pub(super) fn errors(&self) -> &[u8] {
        &self.errors
    }

    fn take_header(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let taken = (HEADER_BYTES - self.filled).min(bytes.len());
        self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        if self.filled < HEADER_BYTES {
            return Ok(taken);
        }
        let [version, kind, id @ .., high, low, padding, _] = self.header;
        if version != VERSION || id != ID.to_be_bytes() || !matches!(kind, END | STDOUT | STDERR) {
            return Err(RecordError::NotFastcgi);
        }
        self.content = usize::from(u16::from_be_bytes([high, low]));
        self.padding = usize::from(padding);
        if kind == END && self.content != END_BYTES {
            return Err(RecordError::NotFastcgi);
        }
        if kind == STDOUT && self.output.len() + self.content > self.max_bytes {
            return Err(RecordError::TooLarge(self.max_bytes));
        }
        Ok(taken)
    }

    fn take_content(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let part = &bytes[..self.content.min(bytes.len())];
        match self.header[1] {
            STDOUT => self.output.extend_from_slice(part),
            STDERR => {
                let kept = part.len().min(MAX_ERRORS - self.errors.len());
                self.errors.extend_from_slice(&part[..kept]);
            }
            _ => {
                let start = END_BYTES - self.content;
                self.end[start..start + part.len()].copy_from_slice(part);
            }
        }
        self.content -= part.len();
        Ok(part.len())
    }

    fn finish_record(&mut self) -> Result<(), RecordError> {
        self.filled = 0;
        if self.header[1] == END {
            self.ended = true;
            // The first four bytes are what the script exits with, which says nothing of its output.
            if self.end[4] != 0 {
                return Err(RecordError::Refused(self.end[4]));
            }
        }
        Ok(())
    }
}

/// Decodes an answer piece by piece, and checks what comes out.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_records(piece: usize, bytes: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(max_bytes);
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece).ok()?;
        assert!(decoder.output.len() <= max_bytes && decoder.errors.len() <= MAX_ERRORS);
        assert!(decoder.output.capacity() <= 2 * max_bytes + MAX_CONTENT);
    }
    decoder.is_ended().then_some(decoder.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
        let mut record = Vec::new();
        push_record(&mut record, kind, content);
        record[6] = padding;
        record.extend(std::iter::repeat_n(0, usize::from(padding)));
        record
    }

    fn end(status: u8) -> Vec<u8> {
        record(END, &[0, 0, 0, 1, status, 0, 0, 0], 0)
    }

    #[test]
    fn an_answer_is_the_same_in_whatever_pieces_it_comes() {
        let answer = [
            record(STDOUT, b"Status: 200\r\n", 3),
            record(STDERR, b"PHP Notice", 0),
            record(STDOUT, b"", 8),
            record(STDOUT, b"\r\n{}", 0),
            end(0),
        ]
        .concat();
        for piece in 1..=answer.len() {
            assert_eq!(try_records(piece, &answer, 100).as_deref(), Some(&b"Status: 200\r\n\r\n{}"[..]), "{piece}");
        }
        for length in 0..answer.len() {
            assert_eq!(try_records(7, &answer[..length], 100), None, "{length} bytes are no answer");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let refuse = |bytes: &[u8]| Decoder::new(20).push(bytes).expect_err("it is refused");
        assert_eq!(refuse(b"HTTP/1.1 400 Bad Request"), RecordError::NotFastcgi);
        assert_eq!(refuse(&[0; 8]), RecordError::NotFastcgi);
        assert_eq!(refuse(&record(END, b"", 0)), RecordError::NotFastcgi);
        assert_eq!(refuse(&record(END, &[0; 4], 4)), RecordError::NotFastcgi);
        assert_eq!(refuse(&record(BEGIN, &[0; 8], 0)), RecordError::NotFastcgi);
        assert_eq!(refuse(&end(2)), RecordError::Refused(2));
        assert_eq!(refuse(&[end(0), end(0)].concat()), RecordError::AfterEnd);
        // Before the bytes are there.
        assert_eq!(refuse(&record(STDOUT, &[b'x'; 21], 0)[..8]), RecordError::TooLarge(20));
        assert_eq!(refuse(&record(STDOUT, &[b'x'; 11], 0).repeat(2)), RecordError::TooLarge(20));
    }

    #[test]
    fn only_the_beginning_of_a_log_is_kept() {
        let mut decoder = Decoder::new(20);
        for _ in 0..100 {
            decoder.push(&record(STDERR, &[b'x'; 60_000], 7)).expect("records");
        }
        assert_eq!(decoder.errors().len(), MAX_ERRORS);
    }

    #[test]
    fn a_request_is_what_the_specification_says() {
        let mut params = Vec::new();
        push_param(&mut params, b"A", b"bc");
        push_param(&mut params, b"LONG", &[b'x'; 300]);
        assert_eq!(&params[..5], b"\x01\x02Abc");
        assert_eq!(&params[5..14], b"\x04\x80\x00\x01\x2cLONG");
        let request = request(&params);
        assert_eq!(&request[..16], [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&request[16..22], [1, 4, 0, 1, 1, 58]);
        assert_eq!(&request[24 + params.len()..], [1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0]);
        // Parameters that need several records.
        let large = super::request(&vec![b'x'; 70_000]);
        assert_eq!(large.len(), 16 + 8 + 65_535 + 8 + 4_465 + 16);
    }
}
