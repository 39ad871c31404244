//! The program `auship`. All its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(auship::main(std::env::args_os().skip(1)))
}
