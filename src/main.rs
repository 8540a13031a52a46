//! The command `gramflow`: see `gramflow --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gramflow::cli::main()
}
