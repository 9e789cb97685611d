//! How much memory a process has, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

const MIB: f64 = 1024.0;

/// What is resident now, in MiB.
///
/// # Errors
/// When the process is gone.
pub(super) fn resident_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmRSS:")
}

/// The most that was resident since [`forget_peak`], in MiB.
///
/// # Errors
/// When the process is gone.
pub(super) fn peak_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmHWM:")
}

/// Has the peak begin anew from what is resident now.
///
/// # Errors
/// When the kernel does not let us.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the peak cannot be forgotten")
}

fn status_mib(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).with_context(|| format!("no {name}"))?;
    Ok(kib.trim().parse::<f64>()? / MIB)
}
