//! The encode pool: async tasks that encode and write, a FIFO of work per writer.

mod queue;
mod threads;

pub use queue::EncodeQueue;
pub(crate) use threads::spawn_thread;
