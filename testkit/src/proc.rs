//! What /proc tells of a child process.

use std::fs;
use std::time::Duration;

use rustix::process::Pid;

use crate::process::Process;
use crate::wait::until;

impl Process {
    /// The process that it runs, if it only runs another.
    pub fn only_child(&self) -> Pid {
        let children = self.read(&format!("task/{}/children", self.pid()));
        Pid::from_raw(children.trim().parse().unwrap()).unwrap()
    }

    /// Processor time that it has used, in hundredths of a second.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = self.read("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Asserts that it is idle, over a second in which a busy loop would use a hundred ticks.
    pub fn assert_idle(&self) {
        let before = self.cpu_ticks();
        std::thread::sleep(Duration::from_secs(1));
        let used = self.cpu_ticks() - before;
        assert!(used < 30, "{used} ticks in a second without work");
    }

    /// A value of /proc/PID/status in kilobytes, such as `VmHWM`, the most memory that it ever had.
    pub fn memory_kb(&self, key: &str) -> u64 {
        let status = self.read("status");
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Blocks until it has so many descriptors open.
    pub fn await_descriptors(&self, count: usize) {
        until(&format!("{count} open descriptors"), || self.descriptors() == count);
    }

    /// Whether none of its threads runs, after SIGSTOP.
    pub(crate) fn is_stopped(&self) -> bool {
        let is_stopped = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        fs::read_dir(self.proc("task")).unwrap().all(|task| is_stopped(task.unwrap()))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.proc(file)).unwrap()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid())
    }
}
