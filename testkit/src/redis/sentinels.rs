//! A Redis master with replicas, and three Sentinels that make a replica the master when it is gone.

use std::net::SocketAddr;

use super::options::{Kind, RedisOptions};
use super::server::RedisServer;
use crate::wait::until;

/// A master, two replicas and three Sentinels.
pub struct Sentinels {
    sentinels: Vec<RedisServer>,
    servers: Vec<RedisServer>,
}

/// What Sentinels call the master.
const SERVICE: &str = "events";

const REPLICAS: usize = 2;
const SENTINELS: usize = 3;

impl Sentinels {
    /// Starts all, and blocks until the Sentinels know each other and the replicas.
    pub fn start() -> Sentinels {
        Sentinels::start_with(&RedisOptions::default())
    }

    /// The same with options for the master and the replicas, which nobody has to log in to.
    pub fn start_with(options: &RedisOptions) -> Sentinels {
        assert!(options.users().admin.is_none(), "the Sentinels have no password");
        let mut servers = vec![options.clone().start()];
        let replicas: Vec<RedisServer> =
            (0..REPLICAS).map(|_| options.clone().replica_of(&servers[0]).start()).collect();
        servers.extend(replicas);
        for replica in &servers[1..] {
            replica.await_info("master_link_status", "up");
        }
        let address = servers[0].addr();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let options = RedisOptions::default()
            .of_kind(Kind::Sentinel)
            .set("sentinel", &["monitor", SERVICE, &ip, &port, "2"])
            .set("sentinel", &["down-after-milliseconds", SERVICE, "1500"])
            // When two Sentinels want to do it at once, they try again after twice this time.
            .set("sentinel", &["failover-timeout", SERVICE, "2000"])
            .set("sentinel", &["parallel-syncs", SERVICE, "2"]);
        let sentinels: Vec<RedisServer> = (0..SENTINELS).map(|_| options.clone().start()).collect();
        let sentinels = Sentinels { sentinels, servers };
        sentinels.sentinels.iter().for_each(hurry);
        sentinels.await_knowledge();
        sentinels
    }

    /// What Sentinels call the master.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// Where the Sentinels listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(RedisServer::addr).collect()
    }

    /// All Sentinels and the name of the master in one URL: `redis+sentinel://ADDRESS,ADDRESS,ADDRESS/NAME`.
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.addresses().iter().map(SocketAddr::to_string).collect();
        format!("redis+sentinel://{}/{SERVICE}", addresses.join(","))
    }

    /// The Sentinels.
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// The same, to kill one.
    pub fn sentinels_mut(&mut self) -> &mut [RedisServer] {
        &mut self.sentinels
    }

    /// The servers. The first one is the master in the beginning.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The same, to kill one.
    pub fn servers_mut(&mut self) -> &mut [RedisServer] {
        &mut self.servers
    }

    /// The index of the server that the running Sentinels name as the master. None while they do not agree.
    pub fn master_index(&self) -> Option<usize> {
        let port_at = |sentinel: &RedisServer| {
            let address: RedisAddress = sentinel.query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]).ok()?;
            Some(address.1)
        };
        let mut ports = self.sentinels.iter().filter(|sentinel| sentinel.listens()).map(port_at);
        let port = ports.next()??;
        let index = self.servers.iter().position(|server| server.addr().port() == port)?;
        ports.all(|other| other == Some(port)).then_some(index)
    }

    /// The server that the Sentinels name as the master.
    pub fn master(&self) -> &RedisServer {
        let index = until("the Sentinels agree on a master", || self.master_index());
        &self.servers[index]
    }

    /// Kills the master, and blocks until another server is the master, accepts writes and has the remaining replicas.
    /// Returns the index of the one that was killed, which may be started again: it becomes a replica.
    pub fn failover(&mut self) -> usize {
        let killed = until("the Sentinels agree on a master", || self.master_index());
        self.servers[killed].kill();
        let master = until("another master", || self.master_index().filter(|index| *index != killed));
        // The one that leads names the new master before it has told the replicas.
        self.await_knowledge();
        self.servers[master].await_info("role", "master");
        let running = self.servers.iter().filter(|server| server.listens()).count();
        let master = &self.servers[master];
        master.await_info("connected_slaves", &(running - 1).to_string());
        let is_written = || master.query::<()>(&["SET", "testkit:failover", "1", "PX", "1"]).is_ok();
        until("the new master accepts writes", is_written);
        killed
    }

    fn await_knowledge(&self) {
        for sentinel in self.sentinels.iter().filter(|sentinel| sentinel.listens()) {
            until("the Sentinels know all others", || {
                let fields: Vec<String> = sentinel.query(&["SENTINEL", "MASTER", SERVICE]).unwrap_or_default();
                let is = |key: &str, value: &str| fields.chunks(2).any(|field| field == [key, value]);
                is("flags", "master")
                    && is("num-slaves", &REPLICAS.to_string())
                    && is("num-other-sentinels", &(SENTINELS - 1).to_string())
            });
        }
    }
}

/// Lets a Sentinel ask and tell more often. By itself, it tells about itself every two seconds, looks at the roles of
/// servers every ten, and pings each second, which leaves one chance to answer before a server counts as gone.
fn hurry(sentinel: &RedisServer) {
    // Not less for pings: a replica can become the master if it was looked at in the last five periods, and that
    // happens once a second while the master is gone.
    let periods = ["PING-PERIOD", "400", "ASK-PERIOD", "200", "PUBLISH-PERIOD", "200", "INFO-PERIOD", "200"];
    sentinel.command(&[&["SENTINEL", "DEBUG"], &periods[..]].concat());
}

/// An address as Sentinels tell it.
type RedisAddress = (String, u16);
