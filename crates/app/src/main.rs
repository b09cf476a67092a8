//! The program `retop`. Everything is in the library, so that tests and chores can use it.

fn main() -> std::process::ExitCode {
    retop::start(std::env::args_os())
}
