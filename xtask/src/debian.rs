//! Packages of Debian and its descendants.
//!
//! Invariant: nothing here asks a question; without the right to install, the error says what a
//! person with that right should install.

use crate::place::which;
use crate::process::{Result, read, run};
use std::process::{Command, Stdio};

/// Installs packages with apt-get.
///
/// # Errors
/// When there is no apt-get, no way to become root, or apt-get fails.
pub fn install(packages: &[&str]) -> Result {
    let advice = |problem: &str| format!("{problem}; please install: {}", packages.join(" "));
    if which(&["apt-get"]).is_none() {
        return Err(advice("this system has no apt-get"));
    }
    let apt = || {
        as_root("env").map(|mut command| {
            command.args([
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "-qq",
                "-o",
                "DPkg::Lock::Timeout=300",
            ]);
            command
        })
    };
    let apt_update = run(apt()?.arg("update"));
    let install = ["install", "--yes", "--no-install-recommends"];
    // A list that could not be brought up to date may still name packages that can be had.
    run(apt()?.args(install).args(packages))
        .map_err(|problem| advice(&apt_update.err().unwrap_or(problem)))
}

/// A command as root, through sudo where we are not.
///
/// # Errors
/// When we are not root and there is no sudo.
pub fn as_root(program: &str) -> Result<Command> {
    let mut command = if read(Command::new("id").arg("-u"))? == "0" {
        Command::new(program)
    } else if which(&["sudo"]).is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg(program);
        sudo
    } else {
        return Err(format!("`{program}` needs root, and there is no sudo"));
    };
    command.stdin(Stdio::null());
    Ok(command)
}
