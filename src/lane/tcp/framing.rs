//! Telling frames apart on a stream of bytes.
//!
//! A [`Deframer`] is a pure function with a little memory: it takes what has arrived, cuts off the first whole frame, and
//! leaves the rest. It never looks at a byte twice, so a client that sends one byte at a time costs no more than any other.
//!
//! What each framing does with what is no frame follows from whether the next frame's beginning can still be found:
//!
//! * `line`: LF, CR and CRLF end a line. A line that is too long is refused and skipped to its end, and the link goes on.
//! * `stx_etx`: CR, LF and blanks between frames are noise that serial converters add, and are dropped. Anything else there,
//!   an STX inside a frame (its ETX was lost) or a frame that is too long ends the link after a refusal.
//! * `length2`, `length4`: a length beyond the limit is more likely a client that is out of step than a long message, so it
//!   ends the link after a refusal.
//!
//! An empty frame is a sign of life in each of them, and is dropped without an answer.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;
use postern_sdk::{Fault, FaultCode};

use crate::config::file::Framing;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// What a [`Deframer`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole frame, never empty.
    Frame(Bytes),
    /// What is no frame, while the beginning of the next one is known.
    Skipped(Fault),
    /// What is no frame, and nothing after it can be trusted.
    Lost(Fault),
    /// Nothing whole yet.
    More,
}

/// How the client ends its lines, and so how ours end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Lf,
    Cr,
    CrLf,
}

impl LineEnd {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::Cr => b"\r",
            Self::CrLf => b"\r\n",
        }
    }
}

/// Cuts a stream of bytes into frames, and puts replies into the same framing.
#[derive(Debug)]
pub(super) struct Deframer {
    framing: Framing,
    frame_bytes_max: usize,
    /// How much of the buffer's beginning holds no end of a frame.
    scanned: usize,
    /// Whether the rest of a line that was too long is being dropped.
    skipping: bool,
    /// Whether the last byte that was consumed is a CR that ended a line.
    after_cr: bool,
    line_end: LineEnd,
}

/// The reply can't be told apart in this framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unframeable;

impl Deframer {
    /// Frames of 1 to `frame_bytes_max` bytes, told apart as `framing` says.
    pub(super) const fn new(framing: Framing, frame_bytes_max: usize) -> Self {
        let line_end = LineEnd::Lf;
        Self { framing, frame_bytes_max, scanned: 0, skipping: false, after_cr: false, line_end }
    }

    /// Cuts the first frame off the buffer. After [`Found::Lost`] it must not be called again.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Found {
        match self.framing {
            Framing::Line => self.next_line(buffer),
            Framing::StxEtx => self.next_stx_etx(buffer),
            Framing::Length2 => self.next_length(buffer, 2),
            Framing::Length4 => self.next_length(buffer, 4),
        }
    }

    /// Whether a frame has begun and not ended, given what [`next`](Self::next) left in the buffer.
    pub(super) fn is_amid(&self, buffer: &[u8]) -> bool {
        self.skipping || !buffer.is_empty()
    }

    fn next_line(&mut self, buffer: &mut BytesMut) -> Found {
        loop {
            let Some(found) = memchr2(LF, CR, &buffer[self.scanned..]) else {
                return self.unended_line(buffer);
            };
            let length = self.scanned + found;
            let end = buffer[length];
            let pair = length == 0 && end == LF && self.after_cr && !self.skipping;
            self.scanned = 0;
            self.after_cr = end == CR;
            self.line_end = match end {
                CR if self.line_end == LineEnd::CrLf => LineEnd::CrLf,
                CR => LineEnd::Cr,
                _ if pair => LineEnd::CrLf,
                _ => LineEnd::Lf,
            };
            let line = buffer.split_to(length);
            buffer.advance(1);
            if std::mem::take(&mut self.skipping) || line.is_empty() {
                continue;
            }
            if line.len() > self.frame_bytes_max {
                return Found::Skipped(Fault::new(FaultCode::TOO_LARGE));
            }
            return Found::Frame(line.freeze());
        }
    }

    /// Nothing in the buffer ends a line.
    fn unended_line(&mut self, buffer: &mut BytesMut) -> Found {
        self.scanned = buffer.len();
        if self.skipping {
            buffer.clear();
            self.scanned = 0;
        } else if self.scanned > self.frame_bytes_max {
            buffer.clear();
            self.scanned = 0;
            self.skipping = true;
            return Found::Skipped(Fault::new(FaultCode::TOO_LARGE));
        }
        Found::More
    }

    fn next_stx_etx(&mut self, buffer: &mut BytesMut) -> Found {
        loop {
            if self.scanned == 0 {
                let noise = buffer.iter().take_while(|b| matches!(**b, CR | LF | b' ')).count();
                buffer.advance(noise);
                match buffer.first() {
                    None => return Found::More,
                    Some(&STX) => self.scanned = 1,
                    Some(_) => return Found::Lost(Fault::new(FaultCode::FRAMING).at(0)),
                }
            }
            let Some(found) = memchr2(STX, ETX, &buffer[self.scanned..]) else {
                self.scanned = buffer.len();
                return self.more_unless_too_large(self.scanned - 1);
            };
            let end = self.scanned + found;
            if buffer[end] == STX {
                return Found::Lost(Fault::new(FaultCode::FRAMING).at(end));
            }
            self.scanned = 0;
            let frame = buffer.split_to(end + 1).freeze().slice(1..end);
            if frame.len() > self.frame_bytes_max {
                return Found::Lost(Fault::new(FaultCode::TOO_LARGE));
            }
            if !frame.is_empty() {
                return Found::Frame(frame);
            }
        }
    }

    const fn more_unless_too_large(&self, bytes: usize) -> Found {
        if bytes > self.frame_bytes_max { Found::Lost(Fault::new(FaultCode::TOO_LARGE)) } else { Found::More }
    }

    fn next_length(&mut self, buffer: &mut BytesMut, width: usize) -> Found {
        loop {
            let Some(head) = buffer.get(..width) else { return Found::More };
            let length = head.iter().fold(0_u64, |sum, b| sum << 8 | u64::from(*b));
            let length = match usize::try_from(length) {
                Ok(length) if length <= self.frame_bytes_max => length,
                _ => return Found::Lost(Fault::new(FaultCode::TOO_LARGE)),
            };
            if buffer.len() - width < length {
                return Found::More;
            }
            buffer.advance(width);
            if length > 0 {
                return Found::Frame(buffer.split_to(length).freeze());
            }
        }
    }

    /// Appends a reply in this framing: a line ends as the client's last one did.
    ///
    /// # Errors
    /// If the body holds a byte that would end the frame early, or is longer than a length can say: a client could take
    /// the rest for the answer to its next question. Nothing is appended then.
    pub(super) fn frame(&self, body: &[u8], out: &mut BytesMut) -> Result<(), Unframeable> {
        match self.framing {
            Framing::Line => {
                refuse_if(memchr2(LF, CR, body).is_some())?;
                out.extend_from_slice(body);
                out.extend_from_slice(self.line_end.bytes());
            }
            Framing::StxEtx => {
                refuse_if(memchr2(STX, ETX, body).is_some())?;
                out.reserve(body.len() + 2);
                out.extend_from_slice(&[STX]);
                out.extend_from_slice(body);
                out.extend_from_slice(&[ETX]);
            }
            Framing::Length2 => {
                let length = u16::try_from(body.len()).map_err(|_| Unframeable)?;
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(body);
            }
            Framing::Length4 => {
                let length = u32::try_from(body.len()).map_err(|_| Unframeable)?;
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(body);
            }
        }
        Ok(())
    }
}

fn refuse_if(unframeable: bool) -> Result<(), Unframeable> {
    if unframeable { Err(Unframeable) } else { Ok(()) }
}
