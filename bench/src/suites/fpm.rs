//! What one `queueEvent` costs in a web request: nginx, php-fpm with one worker, opcache, one event a request.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::http::Http;
use super::queue_event::{BATCH, Variants};
use super::{Plan, in_memory};
use crate::machine::{file_system, monotonic_nanos};
use crate::report::{Metric, Section};
use crate::stats::Spread;

const METRICS: &[Metric] =
    &[Metric { name: "µs of the call", unit: 1e3 }, Metric { name: "µs of the whole request", unit: 1e3 }];

/// Killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM, so that php-fpm and nginx end their workers, too.
        if let Some(id) = rustix::process::Pid::from_raw(self.0.id() as i32) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let requests = plan.pick(300, 1_000);
    let mut section = Section::new(
        "queueEvent in php-fpm requests",
        &format!(
            "nginx and php-fpm, one worker, requests one after the other, variants by turns, {requests} requests of each \
             a round; a round's value is the median of its requests. Ratios to the original PHP."
        ),
        METRICS,
    );
    let (Some(php_fpm), Some(nginx)) = (&plan.php_fpm, &plan.peers.nginx) else {
        section.note = "Not measured: php-fpm or nginx is not installed.".to_owned();
        return Ok(section);
    };
    let home = in_memory()?;
    let mut variants = Variants::new(plan)?;
    variants.all.retain(|(variant, _)| *variant != BATCH);
    section.note.push_str(variants.note());
    let _servers = start(plan, php_fpm, nginx, home.path(), &variants)?;
    let mut http = Http::connect(&home.path().join("web.sock"))?;
    for root in [in_memory()?, plan.on_disk()?] {
        let case = file_system(root.path())?;
        for round in 0..=plan.rounds {
            let variants = &variants.all;
            let mut times = vec![(Vec::new(), Vec::new()); variants.len()];
            for (variant, _) in variants {
                std::fs::create_dir(root.path().join(format!("{variant}-{round}")))?;
            }
            for id in 0..requests {
                for turn in 0..variants.len() {
                    let index = (turn + id) % variants.len();
                    let variant = variants[index].0;
                    let directory = root.path().join(format!("{variant}-{round}"));
                    let target = format!("/?variant={variant}&directory={}&id={id}", directory.display());
                    let start = monotonic_nanos();
                    let call = http.get(&target)?.parse::<f64>().context("the event was not queued")?;
                    times[index].0.push(call);
                    times[index].1.push((monotonic_nanos() - start) as f64);
                }
            }
            for (&(variant, name), (calls, requests)) in variants.iter().zip(times) {
                let against = (variant != "original").then_some(variants[0].1);
                // The first round warms up.
                if round > 0 {
                    section.add(&case, name, against, &[Spread::of(calls).median, Spread::of(requests).median]);
                }
            }
        }
        plan.keep(root);
    }
    Ok(section)
}

fn start(plan: &Plan, php_fpm: &str, nginx: &str, home: &Path, variants: &Variants) -> anyhow::Result<[Running; 2]> {
    let is_root = rustix::process::geteuid().is_root();
    let (fpm_socket, web_socket) = (home.join("fpm.sock"), home.join("web.sock"));
    let user = if is_root { "user = root\ngroup = root\n" } else { "" };
    let pool = format!(
        "[global]\nerror_log = {log}\ndaemonize = no\n[www]\n{user}listen = {socket}\npm = static\npm.max_children = 1\n\
         clear_env = no\n",
        log = home.join("fpm.log").display(),
        socket = fpm_socket.display(),
    );
    std::fs::write(home.join("fpm.conf"), pool)?;
    let user = if is_root { "user root;\n" } else { "" };
    let site = format!(
        "{user}daemon off;\nworker_processes 1;\npid {home}/nginx.pid;\nerror_log {home}/nginx.log;\n\
         events {{ worker_connections 64; }}\nhttp {{\n access_log off;\n keepalive_requests 1000000;\n\
         client_body_temp_path {home}/body;\n proxy_temp_path {home}/proxy;\n fastcgi_temp_path {home}/fastcgi;\n\
         uwsgi_temp_path {home}/uwsgi;\n scgi_temp_path {home}/scgi;\n\
         server {{\n  listen unix:{web};\n  location / {{\n   fastcgi_pass unix:{fpm};\n\
         fastcgi_param REQUEST_METHOD $request_method;\n   fastcgi_param QUERY_STRING $query_string;\n\
         fastcgi_param SCRIPT_FILENAME {script};\n  }}\n }}\n}}\n",
        home = home.display(),
        web = web_socket.display(),
        fpm = fpm_socket.display(),
        script = plan.scripts.join("request.php").display(),
    );
    std::fs::write(home.join("nginx.conf"), site)?;
    let mut fpm = Command::new(php_fpm);
    fpm.args(["-n", "-F", "-y"]).arg(home.join("fpm.conf"));
    fpm.args(["-d", "zend_extension=opcache"]);
    variants.extend(plan, &mut fpm);
    if is_root {
        fpm.arg("-R");
    }
    let mut web = Command::new(nginx);
    web.arg("-c").arg(home.join("nginx.conf")).arg("-e").arg(home.join("nginx.log"));
    let start = |command: &mut Command, socket: &Path, core: usize| -> anyhow::Result<Running> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut spawn = || command.spawn().context("cannot start php-fpm or nginx");
        let mut running = Running(if core == plan.cores.server { plan.cores.on_server(&mut spawn)? } else { spawn()? });
        let begun = Instant::now();
        while !socket.exists() {
            if begun.elapsed() > Duration::from_secs(10) || running.0.try_wait()?.is_some() {
                let log = std::fs::read_to_string(home.join("fpm.log")).unwrap_or_default();
                bail!("{} did not come up: {log}", socket.display());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    };
    let fpm = start(&mut fpm, &fpm_socket, plan.cores.server)?;
    Ok([fpm, start(&mut web, &web_socket, plan.cores.load)?])
}
