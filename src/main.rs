//! The `ballotbox` binary.
fn main() {}
