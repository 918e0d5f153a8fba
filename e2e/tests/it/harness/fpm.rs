//! A php-fpm master with the extension, whose workers answer every request with one script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;
use testkit::{Process, QueueDir, Signal, is_root, temporary_directory};

use super::{NOBODY, built, php, secret};

pub(crate) struct Fpm {
    master: Process,
    directory: TempDir,
    queue: PathBuf,
}

impl Fpm {
    /// Starts it, and returns when its workers are ready. As root, the workers run as another user.
    pub(crate) async fn start(queue: &QueueDir, script: &str) -> Fpm {
        // Workers are replaced while producers are at work.
        Self::start_workers(queue, script, 4, 20).await
    }

    /// The same with one worker, which is never replaced.
    pub(crate) async fn start_one_worker(queue: &QueueDir, script: &str) -> Fpm {
        Self::start_workers(queue, script, 1, 0).await
    }

    /// The same with so many workers, and with scripts that decide who may connect.
    pub(crate) async fn start_with_hooks(queue: &QueueDir, workers: usize) -> Fpm {
        let fpm = Self::start_workers(queue, "hook_site.php", workers, 0).await;
        let example = built::repository().join("examples/session-hook/ws_auth.php");
        for script in [example, php::script_path("hook_slow.php"), php::script_path("hook_hangs.php")] {
            fs::copy(&script, fpm.directory.path().join(script.file_name().unwrap())).unwrap();
        }
        fpm
    }

    /// The URL of one of these scripts, for the broadcaster.
    pub(crate) fn hook(&self, script: &str) -> String {
        let path = self.directory.path().display();
        format!("fastcgi://{path}/socket?script={path}/{script}")
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// What the scripts keep beside the queue.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.directory.path().join("data").join(name)
    }

    /// Stops the master and its workers.
    pub(crate) async fn stop(&mut self) {
        self.master.signal(Signal::TERM);
        self.master.exit().await;
    }

    async fn start_workers(queue: &QueueDir, script: &str, workers: usize, max_requests: usize) -> Fpm {
        let directory = temporary_directory();
        // The workers' user may not be able to enter the source tree.
        fs::copy(php::script_path(script), directory.path().join("script.php")).unwrap();
        for support in ["example_support.php", "client_files.php"] {
            fs::copy(built::repository().join("examples").join(support), directory.path().join(support)).unwrap();
        }
        // What the script keeps beside the queue.
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
        let secret = data.join("secret");
        secret::write(&secret);
        if is_root() {
            std::os::unix::fs::chown(&secret, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let user = if is_root() { format!("user = {NOBODY}\ngroup = {NOBODY}") } else { String::new() };
        // Its parser refuses indented lines.
        let configuration = format!(
            "[global]\n\
             error_log = {path}/error.log\n\
             daemonize = no\n\
             [workers]\n\
             {user}\n\
             listen = {path}/socket\n\
             listen.mode = 0666\n\
             pm = static\n\
             pm.max_children = {workers}\n\
             pm.max_requests = {max_requests}\n\
             catch_workers_output = yes\n\
             php_value[session.save_path] = {path}/data\n",
            path = directory.path().display(),
        );
        let configuration_path = directory.path().join("php-fpm.conf");
        fs::write(&configuration_path, configuration).unwrap();
        let mut command = Process::command(built::server_program("php-fpm"));
        command.arg("-n").arg("-d").arg(php::extension_setting()).arg("--nodaemonize").arg("--force-stderr");
        let mut master = Process::spawn(command.arg("--fpm-config").arg(configuration_path));
        let ready = |line: &str| line.contains("ready to handle connections").then_some(());
        master.line("it is ready", ready).await.expect("php-fpm starts");
        Fpm { master, directory, queue: queue.path() }
    }

    /// nginx's directives that pass a request to the workers.
    pub(crate) fn nginx_directives(&self) -> String {
        format!(
            "fastcgi_pass unix:{path}/socket;
             fastcgi_param REQUEST_METHOD $request_method;
             fastcgi_param REQUEST_URI $request_uri;
             fastcgi_param QUERY_STRING $query_string;
             fastcgi_param CONTENT_TYPE $content_type;
             fastcgi_param CONTENT_LENGTH $content_length;
             fastcgi_param SCRIPT_FILENAME {path}/script.php;
             fastcgi_param QUEUE {queue};
             fastcgi_param EVENT_QUEUE_PATH {queue};
             fastcgi_param TOKEN_SECRET_FILE {path}/data/secret;
             fastcgi_param EXAMPLE_DATA {path}/data;
             fastcgi_param ORDERS_FILE {path}/data/orders.json;",
            path = self.directory.path().display(),
            queue = self.queue.display(),
        )
    }
}
