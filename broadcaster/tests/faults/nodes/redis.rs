//! Redis, in the two ways in which these tests have it.

use std::fs::{self, OpenOptions};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use testkit::redis::{RedisOptions, RedisServer, Sentinels};

use crate::nodes::entries::{Entry, all_in_files_of, all_of, appended_file, flush};
use crate::nodes::seen::Seen;
use crate::torture::producers::now_millis;

pub(super) enum Redis {
    One(Box<RedisServer>),
    Sentinels(Sentinels),
}

/// What a server has added is in its files before anybody is told, and they are not written anew: so it can be read
/// what a server had that was killed. With `everysec`, it goes on without writing while the disk is busy.
fn options() -> RedisOptions {
    RedisOptions::default()
        .append_only()
        .set("appendfsync", &["no"])
        .set("aof-use-rdb-preamble", &["no"])
        .set("auto-aof-rewrite-percentage", &["0"])
}

impl Redis {
    pub(super) fn one() -> Redis {
        Redis::One(Box::new(options().start()))
    }

    pub(super) fn sentinels() -> Redis {
        Redis::Sentinels(Sentinels::start_with(&options()))
    }

    /// The one that accepts writes.
    pub(super) fn master(&self) -> &RedisServer {
        match self {
            Redis::One(server) => server,
            Redis::Sentinels(sentinels) => sentinels.master(),
        }
    }

    fn one_mut(&mut self) -> &mut RedisServer {
        match self {
            Redis::One(server) => server,
            Redis::Sentinels(_) => panic!("one of several is killed by a failover"),
        }
    }

    /// Kills it, and starts it again after a time. It has lost nothing.
    pub(super) fn kill(&mut self, away: Duration) {
        let server = self.one_mut();
        server.kill();
        thread::sleep(away);
        server.start_again();
    }

    /// Kills it as a loss of power does: what it has added since a moment is lost. Returns what it had.
    pub(super) fn lose_what(&mut self, seen: &mut Seen, happens: impl FnOnce()) -> Vec<Entry> {
        let server = self.one_mut();
        let file = appended_file(server);
        let synced = fs::metadata(&file).unwrap().len();
        happens();
        let since = now_millis();
        server.kill();
        let had = all_in_files_of(server);
        OpenOptions::new().write(true).open(&file).unwrap().set_len(synced).unwrap();
        server.start_again();
        seen.forgets(since, &had, &all_of(server));
        had
    }

    /// Kills it, and starts it again without anything.
    pub(super) fn begin_anew(&mut self, away: Duration, seen: &mut Seen) {
        let server = self.one_mut();
        let since = now_millis();
        server.kill();
        seen.forgets_all(since, &all_in_files_of(server));
        fs::remove_dir_all(server.directory().join("appendonlydir")).unwrap();
        thread::sleep(away);
        server.start_again();
    }

    pub(super) fn flush(&mut self, seen: &mut Seen) {
        let since = now_millis();
        let had = flush(self.master());
        seen.forgets_all(since, &had);
    }

    /// Lets it stand still.
    pub(super) fn pause(&mut self, time: Duration) {
        let server = self.master();
        server.pause();
        thread::sleep(time);
        server.resume();
    }

    /// Kills the master. Before, replicas get nothing for a time, so that they lack what it has confirmed.
    pub(super) fn fail_over(&mut self, time: Duration, seen: &mut Seen) {
        let Redis::Sentinels(sentinels) = self else { panic!("there is no other server") };
        let master = sentinels.master();
        let address = master.addr();
        let replicas: Vec<_> = sentinels.servers().iter().filter(|server| server.addr() != address).collect();
        let pids: Vec<_> = replicas.iter().map(|replica| replica.pid()).collect();
        if !time.is_zero() {
            replicas.iter().for_each(|replica| replica.pause());
            master.command(&["CLIENT", "KILL", "TYPE", "replica"]);
            thread::sleep(time);
        }
        let since = now_millis();
        let killed = thread::scope(|scope| {
            // They go on when the master is gone.
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(100));
                pids.into_iter().for_each(|pid| kill_process(pid, Signal::CONT).unwrap());
            });
            sentinels.failover()
        });
        let had = all_in_files_of(&sentinels.servers()[killed]);
        seen.forgets(since, &had, &all_of(sentinels.master()));
        sentinels.servers_mut()[killed].start_again();
        sentinels.servers()[killed].await_info("master_link_status", "up");
    }
}
