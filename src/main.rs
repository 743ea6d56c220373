//! The `postern` binary: everything is in the library, so that tests reach it.

use std::process::ExitCode;

/// Records are built on one thread and freed on another; the system's allocator spends a fifth of a lane's time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    postern::cli::main(std::env::args_os())
}
