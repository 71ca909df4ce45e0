//! Tests of the pool with real encodes.
