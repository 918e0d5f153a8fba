//! The Debian packages and the folder for PIE: built from what `make build` built, installed, used, purged.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use testkit::{Process, is_root, skipped, temporary_directory};

use crate::docs;
use crate::harness::built;

#[tokio::test]
async fn packages_install_run_and_purge_without_a_trace() {
    let folder = temporary_directory();
    build_packages(folder.path()).await;
    try_in_a_copy("try-packages", &["--in-a-copy"], folder.path()).await;
}

/// systemd itself, booted: activation by the socket, restarts, kills, watchdog, standing by, upgrade.
#[tokio::test]
async fn systemd_keeps_the_service_running_and_refuses_no_client() {
    let folder = temporary_directory();
    build_packages(folder.path()).await;
    try_in_a_copy("try-in-systemd", &[], folder.path()).await;
}

#[tokio::test]
async fn the_same_build_gives_the_same_packages() {
    let (first, second) = (temporary_directory(), temporary_directory());
    let names = build_packages(first.path()).await;
    assert_eq!(build_packages(second.path()).await, names);
    for name in names {
        let [first, second] = [&first, &second].map(|folder| fs::read(folder.path().join(&name)).unwrap());
        assert!(first == second, "{name} differs");
    }
}

/// Times and rights of files in the work tree, the umask and the folder make no difference.
#[tokio::test]
async fn the_same_build_gives_the_same_archives_and_they_hold_what_pie_looks_for() {
    let (first, second) = (temporary_directory(), temporary_directory());
    let names = build_archives(first.path(), "022").await;
    assert_eq!(build_archives(second.path(), "077").await, names);
    for name in &names {
        let [first, second] = [&first, &second].map(|folder| fs::read(folder.path().join(name)).unwrap());
        assert!(first == second, "{name} differs");
    }

    let composer = fs::read(built::repository().join("composer.json")).unwrap();
    let composer: serde_json::Value = serde_json::from_slice(&composer).unwrap();
    let extension = composer["php-ext"]["extension-name"].as_str().unwrap();
    // PIE 1.4: php_NAME-TAG_phpX.Y-PROCESSOR-OS-LIBC-THREADS.tgz, with the library at its top.
    let prefix = format!("php_{extension}-v{}_php", env!("CARGO_PKG_VERSION"));
    let archive = names.iter().find(|name| name.starts_with(&prefix)).unwrap();
    let parts: Vec<&str> = archive.trim_start_matches(&prefix).trim_end_matches(".tgz").split('-').collect();
    assert_eq!(parts[1..3], [std::env::consts::ARCH, "linux"], "{archive}");
    assert!(["nts", "zts"].contains(parts.last().unwrap()), "{archive}");
    let (status, listed) =
        run(Process::command("tar").arg("--list").arg("--file").arg(first.path().join(archive))).await;
    assert!(status.success() && listed.contains(&format!("{extension}.so")), "{listed:?}");

    let source = format!("php_{extension}-v{}-src.tgz", env!("CARGO_PKG_VERSION"));
    assert!(names.contains(&source), "{names:?}");
    let (status, listed) =
        run(Process::command("tar").arg("--list").arg("--file").arg(first.path().join(source))).await;
    let config = format!("/{}/config.m4", composer["php-ext"]["build-path"].as_str().unwrap());
    assert!(status.success() && listed.iter().any(|name| name.ends_with(&config)), "{listed:?}");
}

/// A commit may have other tags as well; the pushed one names the release.
#[tokio::test]
async fn a_release_is_made_of_the_tag_of_its_version_alone() {
    let version = env!("CARGO_PKG_VERSION");
    for tag in [format!("v{version}"), "v99.0.0".to_owned(), format!("v{}", version.replace('.', "x"))] {
        let folder = temporary_directory();
        let mut command = Process::command(built::repository().join("packaging/release"));
        command.arg(folder.path()).env("GITHUB_REF_TYPE", "tag").env("GITHUB_REF_NAME", &tag);
        let mut release = Process::spawn(&mut command);
        let status = release.exit().await;
        assert_eq!(status.success(), tag == format!("v{version}"), "{tag}: {:?}", release.stderr());
        let told = format!("but the tag is {tag}");
        assert!(status.success() || release.stderr().iter().any(|line| line.ends_with(&told)), "{tag}");
    }
}

#[tokio::test]
async fn units_are_valid_and_hardened() {
    let directory = temporary_directory();
    for unit in ["fastapi-broadcaster.service", "fastapi-broadcaster.socket"] {
        let text = fs::read_to_string(built::repository().join("packaging/broadcaster").join(unit)).unwrap();
        // verify wants to find the program.
        let text = text.replace("/usr/bin/fastapi-broadcaster", built::broadcaster().to_str().unwrap());
        fs::write(directory.path().join(unit), text).unwrap();
    }
    let unit = directory.path().join("fastapi-broadcaster.service");
    is_accepted(&unit).await;

    // Exposure in tenths: 96 without any setting, 20 and below is what systemd calls OK.
    let mut security = Process::command("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&unit);
    let (status, stdout) = run(&mut security).await;
    assert!(status.success(), "{:?}", stdout.last());
}

#[tokio::test]
async fn the_unit_of_the_documents_is_accepted() {
    let units: Vec<String> = docs::code("ini").into_iter().filter(|text| text.contains("[Service]")).collect();
    let [text] = &units[..] else { panic!("{} units", units.len()) };
    let program = "/usr/local/bin/fastapi-broadcaster";
    assert!(text.contains(program), "{text}");
    let directory = temporary_directory();
    let unit = directory.path().join("fastapi-broadcaster.service");
    fs::write(&unit, text.replace(program, built::broadcaster().to_str().unwrap())).unwrap();
    is_accepted(&unit).await;
}

/// systemd says nothing about a unit.
async fn is_accepted(unit: &Path) {
    let mut verify = Process::command("systemd-analyze");
    let mut process = Process::spawn(verify.args(["verify", "--man=no"]).arg(unit));
    let status = process.exit().await;
    // It also reports on units of this machine.
    let said: Vec<String> = process.stderr().into_iter().filter(|line| line.contains("fastapi")).collect();
    assert!(status.success() && said.is_empty(), "{status}: {said:?}");
}

#[tokio::test]
async fn phpize_builds_what_pie_would_install() {
    let directory = temporary_directory();
    let source = built::repository().join("packaging/pie");
    for file in ["config.m4", "Makefile.frag"] {
        fs::copy(source.join(file), directory.path().join(file)).unwrap();
    }
    let composer = fs::read(built::repository().join("composer.json")).unwrap();
    let composer: serde_json::Value = serde_json::from_slice(&composer).unwrap();
    assert_eq!(composer["type"], "php-ext");
    assert_eq!(composer["php-ext"]["build-path"], "packaging/pie");
    let extension_name = composer["php-ext"]["extension-name"].as_str().unwrap();

    let script = "phpize=${PHP_CONFIG:-php-config}; \"${phpize/php-config/phpize}\" && ./configure \
                  --enable-fastapi-websocket --with-php-config=\"$(command -v \"${PHP_CONFIG:-php-config}\")\" && \
                  make FASTAPI_LIBRARY=\"$0\" && make install CARGO=no-cargo-for-root INSTALL_ROOT=\"$PWD/root\"";
    let mut command = Process::command("bash");
    command.current_dir(directory.path()).arg("-c").arg(script).arg(built::extension());
    let (status, _) = run(&mut command).await;

    assert!(status.success(), "{status}");
    let module = directory.path().join("modules").join(format!("{extension_name}.so"));
    assert_eq!(fs::read(module).unwrap(), fs::read(built::extension()).unwrap());
}

/// Runs a script of `packaging` that makes a copy of this machine to install the packages in.
async fn try_in_a_copy(script: &str, args: &[&str], packages: &Path) {
    if !is_root() {
        return skipped("only root may install packages");
    }
    let mut command = Process::command(built::repository().join("packaging").join(script));
    let path = built::server_program("systemd-nspawn").parent().unwrap().to_owned();
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
    let mut process = Process::spawn(command.env("PATH", path).args(args).arg(packages).env_remove("FASTAPI_WS_QUEUE"));
    let status = process.exit_in_its_time().await;
    if status.code() == Some(NOT_HERE) {
        return skipped(process.stderr().last().unwrap());
    }
    assert!(status.success(), "{status}: {:#?}\n{:#?}", process.stdout(), process.stderr());
    assert_eq!(process.stdout().last().unwrap(), "try: done");
}

/// The exit code of scripts that could not make a copy.
const NOT_HERE: i32 = 77;

/// Builds both, and returns their names.
async fn build_packages(folder: &Path) -> Vec<String> {
    let mut command = Process::command(built::repository().join("packaging/build"));
    command.env("FASTAPI_EXTENSION", built::extension()).env("FASTAPI_BROADCASTER", built::broadcaster()).arg(folder);
    let (status, paths) = run(&mut command).await;
    assert!(status.success() && paths.len() == 2, "{status}: {paths:?}");
    paths.iter().map(|path| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Builds all archives with this umask, and returns their names.
async fn build_archives(folder: &Path, umask: &str) -> Vec<String> {
    let mut command = Process::command("bash");
    command.args(["-c", "umask \"$1\" && exec \"$0\" \"$2\""]).arg(built::repository().join("packaging/archives"));
    command.arg(umask).arg(folder);
    command.env("FASTAPI_EXTENSION", built::extension()).env("FASTAPI_BROADCASTER", built::broadcaster());
    command.env("PHP", built::php());
    let (status, paths) = run(&mut command).await;
    assert!(status.success() && paths.len() == 3, "{status}: {paths:?}");
    paths.iter().map(|path| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

async fn run(command: &mut Command) -> (ExitStatus, Vec<String>) {
    let mut process = Process::spawn(command);
    let status = process.exit().await;
    if !status.success() {
        eprintln!("{}", process.stderr().join("\n"));
    }
    (status, process.stdout())
}
