//! Lines for people and pipes.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard output. A reader that is gone is no fault.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a line to standard error, after the program's name.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "postern: {line}");
}
