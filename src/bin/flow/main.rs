//! flow.

fn main() {}
