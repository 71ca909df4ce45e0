//! The strands under loom.
