//! The `jethook` command.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // With huge pages the untouched half of every buffer is resident too: a waiting connection then costs twice as much.
    // Where this is not allowed, memory is what it would be without.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    jethook::cli::main()
}
