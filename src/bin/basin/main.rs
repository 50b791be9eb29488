//! The command line: the page's engine without a page.

mod arguments;
mod bench;
mod bench_train;
mod evaluate;
mod publish;
mod study2d;
mod train;
mod train2d;

use std::process::ExitCode;

fn main() -> ExitCode {
    let matches = arguments::command().get_matches();
    let result = match matches.subcommand() {
        Some(("train2d", m)) => train2d::run(m),
        Some(("evaluate", m)) => evaluate::run(m),
        Some(("publish", m)) => publish::run(m),
        Some(("train", m)) => train::run(m),
        Some(("bench", m)) => match m.subcommand() {
            Some((_, m)) => bench_train::run(m),
            None => bench::run(m),
        },
        Some(("study2d", m)) => study2d::run(m),
        _ => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("basin: {message}");
            ExitCode::FAILURE
        }
    }
}
