//! Tells the crate which PHP it is built against: `php_zts` is set for a thread-safe one. Generates no code.

use ext_php_rs_build::{PHPInfo, find_php};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rustc-check-cfg=cfg(php_zts)");
    println!("cargo:rerun-if-env-changed=PHP");
    let php = find_php()?;
    println!("cargo:rerun-if-changed={}", php.display());
    if PHPInfo::get(&php)?.thread_safety()? {
        println!("cargo:rustc-cfg=php_zts");
    }
    Ok(())
}
