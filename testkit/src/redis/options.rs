//! How a Redis server is configured.

use super::server::RedisServer;

/// What a test wants of a server. Without anything, the server keeps nothing on disk, and everybody may do everything.
#[derive(Debug, Default, Clone)]
pub struct RedisOptions {
    lines: Vec<String>,
    kind: Kind,
    has_tls: bool,
    users: Users,
}

/// What a server is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Single,
    Sentinel,
    ClusterNode,
}

/// A user's name and password.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
}

/// Who logs in. None where nobody has to.
#[derive(Debug, Default, Clone)]
pub(super) struct Users {
    /// Whom URLs name.
    pub(super) named: Option<User>,
    /// Who may do everything, for the test itself.
    pub(super) admin: Option<User>,
}

impl RedisOptions {
    /// Starts a server, and blocks until it answers.
    pub fn start(self) -> RedisServer {
        RedisServer::start_with(self)
    }

    /// A directive of redis.conf with its arguments.
    #[must_use]
    pub fn set(mut self, directive: &str, arguments: &[&str]) -> RedisOptions {
        let mut line = directive.to_owned();
        for argument in arguments {
            line += &format!(" \"{}\"", argument.replace('\\', r"\\").replace('"', r#"\""#));
        }
        self.lines.push(line);
        self
    }

    /// Writes an append-only file before it answers, so that a killed server has lost nothing when it starts again.
    #[must_use]
    pub fn append_only(self) -> RedisOptions {
        self.set("appendonly", &["yes"])
    }

    /// The memory that it may have, such as `4mb`, and what it does then, such as `noeviction`.
    #[must_use]
    pub fn max_memory(self, size: &str, policy: &str) -> RedisOptions {
        self.set("maxmemory", &[size]).set("maxmemory-policy", &[policy])
    }

    /// How many databases it has.
    #[must_use]
    pub fn databases(self, count: u32) -> RedisOptions {
        self.set("databases", &[&count.to_string()])
    }

    /// Refuses writes while it has fewer replicas than this that were heard of in the last two seconds.
    #[must_use]
    pub fn min_replicas_to_write(self, count: u32) -> RedisOptions {
        self.set("min-replicas-to-write", &[&count.to_string()]).set("min-replicas-max-lag", &["2"])
    }

    /// Everybody has to give this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> RedisOptions {
        let user = User { name: "default".to_owned(), password: password.to_owned() };
        self.users = Users { named: Some(user.clone()), admin: Some(user) };
        self.set("requirepass", &[password])
    }

    /// URLs name this user, who may use only these commands (or categories, such as `@read`) on all keys. Nobody else
    /// may do anything but the test.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str, commands: &[&str]) -> RedisOptions {
        self.users.named = Some(User { name: name.to_owned(), password: password.to_owned() });
        let admin = User { name: "testkit".to_owned(), password: "testkit".to_owned() };
        let allowed: Vec<String> = commands.iter().map(|command| format!("+{command}")).collect();
        let password = format!(">{password}");
        let mut rules = vec![name, "reset", "on", &password, "~*", "&*"];
        rules.extend(allowed.iter().map(String::as_str));
        self.users.admin = Some(admin);
        self.set("user", &["default", "off"])
            .set("user", &["testkit", "on", ">testkit", "~*", "&*", "+@all"])
            .set("user", &rules)
    }

    /// Listens with TLS as well, on a second port.
    #[must_use]
    pub fn tls(mut self) -> RedisOptions {
        self.has_tls = true;
        self
    }

    /// A replica of another server.
    #[must_use]
    pub fn replica_of(self, master: &RedisServer) -> RedisOptions {
        let address = master.addr();
        let replica = self.set("replicaof", &[&address.ip().to_string(), &address.port().to_string()]);
        match master.admin() {
            Some(admin) => replica.set("masteruser", &[&admin.name]).set("masterauth", &[&admin.password]),
            None => replica,
        }
    }

    pub(super) fn of_kind(mut self, kind: Kind) -> RedisOptions {
        self.kind = kind;
        self
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn has_tls(&self) -> bool {
        self.has_tls
    }

    pub(super) fn users(&self) -> &Users {
        &self.users
    }

    /// The file redis.conf.
    pub(super) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }
}
