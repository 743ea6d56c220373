//! Telling frames apart on a stream of bytes.
//!
//! A [`Deframer`] is a pure function with a little memory: it takes what has arrived, cuts off the first whole
//! frame, and leaves the rest. It never looks at a byte twice, so a client that sends one byte at a time costs no
//! more than any other.
//!
//! What each framing does with what is no frame follows from whether the next frame's beginning can still be found:
//!
//! * `line`: LF, CR and CRLF end a line. A line that is too long is refused and skipped to its end, and the link
//!   goes on.
//! * `stx_etx`: CR, LF and blanks between frames are noise that serial converters add, and are dropped. Anything
//!   else there,
//!   an STX inside a frame (its ETX was lost) or a frame that is too long ends the link after a refusal.
//! * `length2`, `length4`: a length beyond the limit is more likely a client that is out of step than a long
//!   message, so it
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
    /// # Errors If the body holds a byte that would end the frame early, or is longer than a length can say: a
    /// client could take the rest for the answer to its next question. Nothing is appended then.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: usize = 8;

    /// What comes out if the stream arrives in these pieces.
    fn cut(framing: Framing, pieces: &[&[u8]]) -> Vec<String> {
        let mut deframer = Deframer::new(framing, BYTES_MAX);
        let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                match deframer.next(&mut buffer) {
                    Found::More => break,
                    Found::Frame(frame) => found.push(String::from_utf8_lossy(&frame).into_owned()),
                    Found::Skipped(fault) => found.push(format!("skipped {fault}")),
                    Found::Lost(fault) => {
                        found.push(format!("lost {}", fault.code));
                        return found;
                    }
                }
            }
        }
        found
    }

    const CASES: &[(Framing, &[u8], &[&str])] = &[
        (Framing::Line, b"one\ntwo\rthree\r\n\r\n\nfour", &["one", "two", "three"]),
        (Framing::Line, b"12345678\n123456789\nok\n", &["12345678", "skipped frame_too_large", "ok"]),
        (Framing::Line, b"1234567890123456789\r\nok\r\n", &["skipped frame_too_large", "ok"]),
        (Framing::StxEtx, b"\x02one\x03\r\n \x02\x03\x02t\nwo\x03\x02th", &["one", "t\nwo"]),
        (Framing::StxEtx, b"\x0212345678\x03\x02123456789\x03", &["12345678", "lost frame_too_large"]),
        (Framing::StxEtx, b"\x02one\x03x\x02two\x03", &["one", "lost framing"]),
        (Framing::StxEtx, b"\x02one\x02two\x03", &["lost framing"]),
        (Framing::Length2, b"\0\x03one\0\0\0\x0812345678\0\x01", &["one", "12345678"]),
        (Framing::Length2, b"\0\x09123456789", &["lost frame_too_large"]),
        (Framing::Length4, b"\0\0\0\x03one\0\0\0\0\0\0\0\x02\n\x03\0\0", &["one", "\n\x03"]),
        (Framing::Length4, b"\xff\xff\xff\xff", &["lost frame_too_large"]),
    ];

    // Proves that frames come out the same at whichever byte the stream is split, and byte by byte.
    #[test]
    fn splits_change_nothing() {
        for (framing, stream, expected) in CASES {
            for at in 0..=stream.len() {
                let (head, tail) = stream.split_at(at);
                assert_eq!(cut(*framing, &[head, tail]), *expected, "{framing:?} split at {at}");
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(cut(*framing, &bytes), *expected, "{framing:?} byte by byte");
        }
    }

    // Proves that a reply's line ends as the client's lines do, whichever that is.
    #[test]
    fn lines_end_as_the_clients() {
        for (sent, ending) in
            [("", "\n"), ("a\n", "\n"), ("a\r", "\r"), ("a\r\n", "\r\n"), ("a\r\nb\r", "\r\n")]
        {
            let mut deframer = Deframer::new(Framing::Line, BYTES_MAX);
            let mut buffer = BytesMut::from(sent);
            while deframer.next(&mut buffer) != Found::More {}
            let mut out = BytesMut::new();
            deframer.frame(b"x", &mut out).unwrap();
            assert_eq!(out, format!("x{ending}"), "{sent:?}");
        }
    }

    // Proves that a body that would end its frame early, or is too long for its length, is not sent.
    #[test]
    fn unframeable_replies_are_not_sent() {
        let long = vec![b'x'; 65_536];
        let cases: &[(Framing, &[u8])] = &[
            (Framing::Line, b"a\nb"),
            (Framing::Line, b"a\r"),
            (Framing::StxEtx, b"a\x03b"),
            (Framing::StxEtx, b"\x02"),
            (Framing::Length2, &long),
        ];
        for (framing, body) in cases {
            let mut out = BytesMut::new();
            assert_eq!(Deframer::new(*framing, BYTES_MAX).frame(body, &mut out), Err(Unframeable));
            assert!(out.is_empty());
        }
    }

    fn framings() -> impl Strategy<Value = Framing> {
        prop::sample::select(vec![Framing::Line, Framing::StxEtx, Framing::Length2, Framing::Length4])
    }

    proptest! {
        // Proves that what is framed comes out again, in any pieces.
        #[test]
        fn framed_bodies_come_out(
            framing in framings(),
            bodies in prop::collection::vec("[ -~]{1,8}", 0..6),
            piece in 1_usize..20,
        ) {
            let deframer = Deframer::new(framing, BYTES_MAX);
            let mut stream = BytesMut::new();
            for body in &bodies {
                deframer.frame(body.as_bytes(), &mut stream).unwrap();
            }
            let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
            prop_assert_eq!(cut(framing, &pieces), bodies);
        }

        // Proves that no stream of bytes makes a frame that is empty or too large, or keeps more than a frame.
        #[test]
        fn any_bytes_are_bounded(framing in framings(), pieces in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut deframer = Deframer::new(framing, BYTES_MAX);
            let mut buffer = BytesMut::new();
            for piece in &pieces {
                buffer.extend_from_slice(piece);
                loop {
                    match deframer.next(&mut buffer) {
                        Found::Frame(frame) => prop_assert!((1..=BYTES_MAX).contains(&frame.len())),
                        Found::Skipped(_) => {}
                        Found::Lost(_) => return Ok(()),
                        Found::More => break,
                    }
                }
                prop_assert!(buffer.len() <= BYTES_MAX + 4);
            }
        }
    }
}
