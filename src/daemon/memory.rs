//! Keys stay in memory: no core dump of the process is written, and no other process of its user reads it.

use std::fs;
use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps, and makes the memory unreadable to all but the administrator. What is swapped out is the service
/// manager's to forbid (`MemorySwapMax=0` in the unit).
///
/// # Errors
/// What the system says. Nothing that holds a key should go on then.
pub fn keep_out_of_dumps() -> io::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if getrlimit(Resource::Core) != none {
        // The hardened unit sets this limit itself, and does not let the service set any.
        setrlimit(Resource::Core, none)?;
    }
    if is_traced() {
        // Whoever started the process under a tracer reads its memory already, and could not follow its calls any more.
        return Ok(());
    }
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

fn is_traced() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    // Proves by what the kernel says that the process can't be dumped or read afterwards, and that asking twice is no
    // error. A debugger that runs the test keeps its sight.
    #[test]
    fn nothing_is_dumped() {
        keep_out_of_dumps().unwrap();
        keep_out_of_dumps().unwrap();
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
        assert!(is_traced() || dumpable_behavior().unwrap() == DumpableBehavior::NotDumpable);
    }
}
