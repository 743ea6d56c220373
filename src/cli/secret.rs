//! Secrets from a terminal or a pipe: never from an argument or the environment, which other processes can see.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{Exit, complain};

/// Length of a line in bytes at most.
const LINE_BYTES_MAX: usize = 1_024;

/// Asks for a line. At a terminal it is not shown while it is typed; of a pipe it is the next line.
pub(super) fn ask(what: &str) -> Result<Zeroizing<String>, Exit> {
    read(what).map_err(|error| {
        complain(format_args!("standard input: {error}"));
        Exit::Usage
    })
}

fn read(what: &str) -> io::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let hidden = if stdin.is_terminal() { Some(Hidden::begin(what)?) } else { None };
    // Not by way of the standard library's buffer, which is never wiped.
    let line = line(&mut File::from(stdin.as_fd().try_clone_to_owned()?));
    drop(hidden);
    line
}

/// One line of a reader, byte by byte, so that the next one is still there.
fn line(from: &mut impl Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(2 * LINE_BYTES_MAX));
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * LINE_BYTES_MAX));
    let mut byte = [0];
    while from.read(&mut byte)? == 1 && byte != *b"\n" {
        if bytes.len() == LINE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.extend_from_slice(&byte);
    }
    text.push_str(
        std::str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?.trim_end_matches('\r'),
    );
    Ok(text)
}

/// A terminal that does not show what is typed, until it is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin(what: &str) -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        let mut out = io::stderr().lock();
        write!(out, "{what}: ")?;
        out.flush()?;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nothing is left to do if the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        let _ = writeln!(io::stderr().lock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that lines are read one at a time, that the last needs no end, and that an endless one is refused.
    #[test]
    fn lines() {
        let mut pipe = &b"first\r\nsecond"[..];
        assert_eq!(*line(&mut pipe).unwrap(), "first");
        assert_eq!(*line(&mut pipe).unwrap(), "second");
        assert_eq!(*line(&mut pipe).unwrap(), "");
        assert!(line(&mut io::repeat(b'x')).is_err());
    }
}
