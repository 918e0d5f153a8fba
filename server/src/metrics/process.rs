//! What the system says of this process.

use procfs::process::{LimitValue, Process as OfSystem};
use procfs::{ProcResult, WithCurrentSystemInfo};

/// What the process uses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Process {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) open_fds: u64,
    pub(crate) max_fds: u64,
    /// Since 1970.
    pub(crate) start_seconds: f64,
}

impl Process {
    /// What it uses now. `None`: there is no `/proc`.
    pub(crate) fn look() -> Option<Process> {
        Process::read().ok()
    }

    fn read() -> ProcResult<Process> {
        let process = OfSystem::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let max_fds = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit,
            LimitValue::Unlimited => u64::MAX,
        };
        Ok(Process {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            resident_bytes: stat.rss_bytes().get(),
            open_fds: process.fd_count()? as u64,
            max_fds,
            // Some containers and units hide when the system was started.
            start_seconds: procfs::boot_time_secs().map_or(0.0, |boot| boot as f64 + stat.starttime as f64 / ticks),
        })
    }
}
