//! The `postern` binary: everything is in the library, so that tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    postern::cli::main(std::env::args_os())
}
