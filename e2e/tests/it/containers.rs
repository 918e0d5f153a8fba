//! The images and the Compose files: what they start, and that the documents show these files. `packaging/try-image`
//! runs the broadcaster as its image does.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use testkit::{Process, is_root, skipped};

use crate::harness::{broadcaster, built};

/// The exit code of a script that may not mount anything.
const NOT_HERE: i32 = 77;

/// The part of a Compose file that is looked at.
#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Service {
    image: String,
    build: Option<Build>,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
struct Build {
    context: PathBuf,
    dockerfile: PathBuf,
}

#[tokio::test]
async fn the_image_runs_as_its_user_with_a_root_that_is_read_only() {
    if !is_root() {
        return skipped("only root may mount a root that is read-only");
    }
    let mut command = Process::command(built::repository().join("packaging/try-image"));
    let mut process = Process::spawn(command.arg(built::broadcaster()).arg(built::extension()));
    let status = process.exit_in_its_time().await;
    if status.code() == Some(NOT_HERE) {
        return skipped(process.stderr().last().unwrap());
    }
    assert!(status.success(), "{status}: {:#?}", process.stderr());
    assert_eq!(process.stdout().last().unwrap(), "try: done");
}

#[test]
fn the_documents_show_the_files() {
    let page = fs::read_to_string(built::repository().join("docs/operations.md")).unwrap();
    for (language, name) in
        [("dockerfile", "broadcaster.Dockerfile"), ("dockerfile", "php.Dockerfile"), ("yaml", "compose.yaml")]
    {
        let shown = format!("\n```{language}\n{}```\n", container_file(name));
        assert!(page.contains(&shown), "operations.md does not show {name} as it is");
    }
}

#[tokio::test]
async fn the_compose_files_start_the_images_with_settings_that_the_broadcaster_accepts() {
    for (path, count) in [("packaging/containers/compose.yaml", 1), ("examples/scale/compose.yaml", 3)] {
        let path = built::repository().join(path);
        let file: Compose = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for (name, service) in &file.services {
            for volume in &service.volumes {
                assert!(file.volumes.contains_key(volume.split(':').next().unwrap()), "{name}: {volume}");
            }
            if let Some(build) = &service.build {
                let context = path.parent().unwrap().join(&build.context);
                assert_eq!(context.canonicalize().unwrap(), built::repository().canonicalize().unwrap(), "{name}");
                assert!(context.join(&build.dockerfile).is_file(), "{name}");
            }
        }
        let of = |image: &'static str| file.services.values().filter(move |service| service.image == image);
        assert_eq!(of("fastapi-broadcaster").count(), count);
        assert_eq!(of("fastapi-php").count(), count);
        for service in of("fastapi-broadcaster").chain(of("fastapi-php")) {
            // The folder above the queue: Docker does not keep every bit of the mode of this place itself.
            assert!(service.volumes[0].ends_with(":/var/lib/fastapi-broadcaster"), "{:?}", service.volumes);
            assert!(service.read_only && service.command.is_empty());
        }
        for service in of("fastapi-broadcaster") {
            // A variable of Compose that is not set is empty.
            let environment = service.environment.iter().map(|(name, value)| {
                (name.clone(), if value.starts_with("${") { String::new() } else { value.clone() })
            });
            let environment: BTreeMap<String, String> = image_variables().into_iter().chain(environment).collect();
            let mut command = broadcaster::command(["config", "check"]);
            let mut check = Process::spawn(command.envs(environment));
            assert!(check.exit().await.success(), "{}: {:?}", path.display(), check.stderr());
        }
    }
}

#[test]
fn both_images_fill_a_new_volume_with_the_same_folders() {
    let [first, second] = ["broadcaster.Dockerfile", "php.Dockerfile"].map(|name| {
        let text = container_file(name);
        let lines = text.lines().filter_map(|line| line.split("install -d ").nth(1));
        lines.map(|line| line.trim_end_matches(" \\").to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first, second);
    let folders: Vec<&str> = first.iter().filter_map(|line| line.split(' ').next_back()).collect();
    let variables = image_variables();
    assert_eq!(folders, [&variables["FASTAPI_WS_QUEUE"], &variables["FASTAPI_WS_HISTORY_DIR"]]);
}

/// The variables of the broadcaster's image.
fn image_variables() -> BTreeMap<String, String> {
    let text = container_file("broadcaster.Dockerfile");
    let lines = text.lines().filter_map(|line| line.strip_prefix("ENV "));
    lines.map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn container_file(name: &str) -> String {
    fs::read_to_string(built::repository().join("packaging/containers").join(name)).unwrap()
}
