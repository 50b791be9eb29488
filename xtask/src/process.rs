//! Children and what became of them.
//!
//! Invariant: a child that fails becomes an error naming its command line; none is left running.

use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Errors are sentences for the person at the terminal.
pub type Result<T = ()> = std::result::Result<T, String>;

/// Runs a command, its output going where ours goes.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn run(command: &mut Command) -> Result {
    let line = show(command);
    println!("  $ {line}");
    let status = command
        .status()
        .map_err(|error| format!("cannot start `{line}`: {error}"))?;
    judge(&line, status)
}

/// Like [`run`], and ends the command when it takes longer than `limit`.
///
/// # Errors
/// As [`run`], and when the time is up.
pub fn run_within(command: &mut Command, limit: Duration) -> Result {
    let line = show(command);
    println!("  $ {line}    (at most {} s)", limit.as_secs());
    let cannot = |error| format!("cannot run `{line}`: {error}");
    let mut child = command.spawn().map_err(cannot)?;
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Some(status) = child.try_wait().map_err(cannot)? {
            return judge(&line, status);
        }
        sleep(Duration::from_millis(100));
    }
    child.kill().and_then(|()| child.wait()).map_err(cannot)?;
    Err(format!("`{line}` did not end within {} s", limit.as_secs()))
}

/// What a command prints on its standard output, trimmed; its errors are not shown.
///
/// # Errors
/// As [`run`], with what it said on its standard error.
pub fn read(command: &mut Command) -> Result<String> {
    let line = show(command);
    let output = command
        .output()
        .map_err(|error| format!("cannot start `{line}`: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    judge(&line, output.status).map_err(|problem| format!("{problem}\n{}", said.trim_end()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn judge(line: &str, status: ExitStatus) -> Result {
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` failed ({status})"))
    }
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_command() {
        assert_eq!(read(Command::new("echo").arg(" one ")), Ok("one".into()));
        let problem = read(Command::new("sh").args(["-c", "echo lost >&2; exit 3"])).unwrap_err();
        assert!(
            problem.contains("exit 3") && problem.contains("lost"),
            "{problem}"
        );
    }

    #[test]
    fn a_slow_command_is_ended() {
        let begin = Instant::now();
        let result = run_within(Command::new("sleep").arg("60"), Duration::from_millis(300));
        assert!(result.unwrap_err().contains("did not end"));
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert_eq!(
            run_within(&mut Command::new("true"), Duration::from_secs(30)),
            Ok(())
        );
    }
}
