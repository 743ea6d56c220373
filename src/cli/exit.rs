//! Exit codes: those of sysexits.h where it has one.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// The command did its work and found something wrong: a message with a fault, a record that does not verify.
    Found = 1,
    /// The command line is wrong, or a file that it names can't be read or written.
    Usage = 64,
    /// Something that is needed is not there: the daemon, INTERPOL, an address, the disk.
    Unavailable = 69,
    /// The configuration is wrong.
    Config = 78,
}

/// The codes as help and manual page tell them.
pub(super) const HELP: &str = "Exit codes:\n  \
    0   all is well\n  \
    1   the command found something wrong: a faulty message, a record that does not verify\n  \
    64  the command line is wrong, or a file that it names can't be read or written\n  \
    69  something is not available: the daemon, INTERPOL, an address, the disk\n  \
    78  the configuration is wrong";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
