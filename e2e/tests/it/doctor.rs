//! The doctor asks a real php-fpm for the settings of the extension.

use testkit::Process;

use crate::harness::{Fpm, broadcaster, queue_dir};

#[tokio::test]
async fn a_pool_of_php_fpm_tells_its_settings_and_one_that_is_gone_is_bad() {
    let queue = queue_dir();
    let mut fpm = Fpm::start_one_worker(&queue, "publish_one.php").await;
    let address = format!("unix:{}", fpm.socket().display());

    let (is_good, report) = doctor(&address).await;
    let told = format!("ok   php-fpm at {} (PHP ", fpm.socket().display());
    let line = report.iter().find(|line| line.starts_with(&told)).unwrap_or_else(|| panic!("{report:#?}"));
    assert!(is_good && line.contains(") has loaded the extension ") && line.contains("queue directory"), "{line}");

    fpm.stop().await;
    let (is_good, report) = doctor(&address).await;
    assert!(
        !is_good
            && report.iter().any(|line| line.starts_with("BAD  ") && line.contains(fpm.socket().to_str().unwrap())),
        "{report:#?}"
    );
}

/// Whether nothing is bad, and what it says.
async fn doctor(address: &str) -> (bool, Vec<String>) {
    let mut process = Process::spawn(&mut broadcaster::command(["doctor", "--fpm", address]));
    let status = process.exit().await;
    (status.success(), process.stdout())
}
