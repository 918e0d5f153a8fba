//! The machine: which cores to use, limits, clocks, and its description beside the figures.

use std::path::Path;

use anyhow::{Context, anyhow};
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CpuSet;
use rustix::time::ClockId;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Descriptors that a process needs in addition to its connections.
const SPARE_DESCRIPTORS: u64 = 100;

/// The cores of a run: the measured server has one, and everything that loads it has another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
    /// The server may use both.
    pub(crate) shared: bool,
}

impl Cores {
    /// The first two that this process may use; the same twice if there is only one.
    pub(crate) fn choose() -> anyhow::Result<Cores> {
        let allowed = rustix::thread::sched_getaffinity(None).context("cannot ask for the cores")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().context("no core to run on")?;
        Ok(Cores { server, load: cores.next().unwrap_or(server), shared: false })
    }

    /// Starts something on the server's core, and leaves this thread on the one of the load.
    pub(crate) fn on_server<T>(self, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        // A child process inherits the core of the thread that starts it.
        pin_to(&[self.server, if self.shared { self.load } else { self.server }])?;
        let started = start();
        pin(self.load)?;
        started
    }
}

/// Keeps this thread, and what it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    pin_to(&[core])
}

fn pin_to(cores: &[usize]) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    cores.iter().for_each(|core| only.set(*core));
    rustix::thread::sched_setaffinity(None, &only).with_context(|| format!("cannot run on the cores {cores:?}"))
}

/// Raises the limit of open files as far as allowed, for this process and its children. Returns it.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // If it is refused, the limit stays, and the caller sees it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many connections one process can have.
pub(crate) fn possible_connections() -> usize {
    raise_open_files().saturating_sub(SPARE_DESCRIPTORS) as usize
}

/// Gives this thread a table of open files of its own, with a limit of its own. Open files stay open in both.
pub(crate) fn own_open_files() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_FILES).context("cannot have a table of open files for a thread")
}

/// Lets other threads run whenever they can, if they share a core with this one. A higher nice value is not enough: who
/// measures would wait for the end of a time slice, some milliseconds.
pub(crate) fn yield_to_others() -> anyhow::Result<()> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
        .map_err(|error| anyhow!("cannot lower the priority of a thread: {error}"))
}

/// Nanoseconds of the monotonic clock, the same in all processes and in PHP's `hrtime()`.
pub(crate) fn monotonic_nanos() -> u64 {
    nanos(ClockId::Monotonic)
}

/// CPU seconds of this process so far, which are those of the load.
pub(crate) fn own_cpu_secs() -> f64 {
    nanos(ClockId::ProcessCPUTime) as f64 / 1e9
}

fn nanos(clock: ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// The name of the file system that a path is on.
pub(crate) fn file_system(path: &Path) -> anyhow::Result<String> {
    let statfs = rustix::fs::statfs(path).with_context(|| format!("cannot ask for the file system of {path:?}"))?;
    Ok(match statfs.f_type {
        0xef53 => "ext4".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683e => "btrfs".to_owned(),
        0x794c_7630 => "overlayfs".to_owned(),
        other => format!("file system {other:#x}"),
    })
}

/// One line about the machine.
pub(crate) fn describe() -> String {
    let name = rustix::system::uname();
    let model = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split(':').nth(1).map(|model| model.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Only the version of the kernel: the rest of its release names a build.
    let release = name.release().to_string_lossy();
    let version = release.split(['-', '+']).next().unwrap_or_default();
    format!("{} cores, {}, Linux {version}", cores, model.unwrap_or_else(|| "unknown processor".to_owned()))
}
