//! How the process's pool is set up: before its first writer, or by default.

use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::Pool;
use super::threads;
use crate::error::{Error, ErrorClass, Result};

/// How a pool is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Threads that encode, each of which drives one task; 0 = one for each CPU that they may run on, as they never
    /// wait for storage. A thread that another took the CPU from in the middle of a column would have all wait for it.
    pub threads: usize,
    /// Bytes of each thread's stack; default 2 MiB, at least 64 KiB.
    pub stack_bytes: usize,
    /// CPUs that the threads may run on; empty = those of the thread that starts the pool.
    pub cpus: Vec<usize>,
    /// Bytes in flight in all writers before an append blocks, a quarter of which may be batches that are not
    /// encoded; default 1 GiB.
    pub max_bytes: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions { threads: 0, stack_bytes: 2 << 20, cpus: Vec::new(), max_bytes: 1 << 30 }
    }
}

impl PoolOptions {
    /// The same with nothing left to be decided, if it is possible.
    pub fn resolved(mut self) -> Result<Self> {
        if self.threads > 1024 {
            return Err(Error::invalid(format!("threads is {}; give 0 to 1024", self.threads)));
        }
        if self.stack_bytes < 64 << 10 || self.stack_bytes > 1 << 30 {
            let bytes = self.stack_bytes;
            return Err(Error::invalid(format!("stack_bytes is {bytes}; give 64 KiB to 1 GiB")));
        }
        if self.max_bytes == 0 {
            return Err(Error::invalid("max_bytes is 0; give 1 or more"));
        }
        threads::check_cpus("cpus", &self.cpus)?;
        self.cpus.sort_unstable();
        self.cpus.dedup();
        if self.threads == 0 {
            self.threads = match self.cpus.len() {
                0 => thread::available_parallelism().map_or(1, |n| n.get()),
                n => n,
            };
        }
        Ok(self)
    }
}

/// The process's pool.
static PROCESS: Mutex<Process> = Mutex::new(Process { options: None, pool: None });

struct Process {
    options: Option<PoolOptions>,
    pool: Option<Arc<Pool>>,
}

impl Pool {
    /// Sets up the process's pool, which starts with its first writer; after that it is an error.
    pub fn configure(options: PoolOptions) -> Result<()> {
        let options = options.resolved()?;
        let mut process = PROCESS.lock();
        if process.pool.is_some() {
            return Err(Error::new(
                ErrorClass::Conflict,
                "the encode pool runs since the first writer or sink was opened; configure it before",
            ));
        }
        process.options = Some(options);
        Ok(())
    }

    /// What the process's pool is, or would be, set up with.
    pub fn configured() -> Result<PoolOptions> {
        match &*PROCESS.lock() {
            Process { pool: Some(pool), .. } => Ok(pool.options().clone()),
            Process { options, .. } => options.clone().unwrap_or_default().resolved(),
        }
    }

    /// The process's pool; starts it.
    pub fn of_process() -> Result<Arc<Pool>> {
        let mut process = PROCESS.lock();
        if let Some(pool) = &process.pool {
            return Ok(pool.clone());
        }
        let pool = Pool::start(process.options.clone().unwrap_or_default())?;
        Ok(process.pool.insert(pool).clone())
    }

    /// The process's pool, if it runs.
    pub fn running() -> Option<Arc<Pool>> {
        PROCESS.lock().pool.clone()
    }
}
