//! The `jethook` command.

fn main() {}
