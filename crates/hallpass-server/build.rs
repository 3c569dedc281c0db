//! How the program is linked.

use std::env;

/// Addresses that are adjusted at the start take a byte or less in a packed table and 24 in a plain one, which is read as a
/// whole and stays in memory: 1.3 MB of it. Linkers and C libraries have known the packed one since 2022.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // mold packs them without the mark by which the C library knows that it can read them: such a program does not start.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && !flags.contains("mold")
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
