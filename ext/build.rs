//! Sets `php_zts` for the crate when the PHP that it is built for is thread-safe, and compiles the C part with its
//! headers. Generates no code.

use std::env;
use std::error::Error;
use std::process::Command;

use ext_php_rs_build::{PHPInfo, find_php};

const C_SOURCES: [&str; 5] =
    ["src/fiber.c", "src/layers.c", "src/layer_output.c", "src/layer_errors.c", "src/declaring.c"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rustc-check-cfg=cfg(php_zts)");
    println!("cargo:rerun-if-env-changed=PHP");
    println!("cargo:rerun-if-env-changed=PHP_CONFIG");
    for source in C_SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-changed=src/layers.h");
    let php = find_php()?;
    println!("cargo:rerun-if-changed={}", php.display());
    let is_thread_safe = PHPInfo::get(&php)?.thread_safety()?;
    if is_thread_safe {
        println!("cargo:rustc-cfg=php_zts");
    }
    cc::Build::new()
        .files(C_SOURCES)
        .includes(php_includes()?)
        .define("THREAD_SAFE", if is_thread_safe { "1" } else { "0" })
        .compile("fiber");
    Ok(())
}

/// The directories of PHP's headers, as ext-php-rs itself asks for them.
fn php_includes() -> Result<Vec<String>, Box<dyn Error>> {
    let php_config = env::var("PHP_CONFIG").unwrap_or_else(|_| "php-config".to_owned());
    let answer =
        Command::new(&php_config).arg("--includes").output().map_err(|error| format!("{php_config}: {error}"))?;
    let answer = String::from_utf8(answer.stdout)?;
    Ok(answer.split_whitespace().map(|flag| flag.trim_start_matches("-I").to_owned()).collect())
}
