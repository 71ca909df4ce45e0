//! The encode pool: workers that encode, each writer's batches column by column, and write its row groups in
//! order.

mod job;
#[cfg(test)]
mod model;
mod options;
mod queue;
mod room;
mod row_group;
mod spent;
mod stats;
mod strand;
mod sync;
#[cfg(test)]
mod tests;
mod threads;
mod turns;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

pub use options::PoolOptions;
pub use queue::{EncodeQueue, QueueOptions, Stopper};
pub use stats::{Meter, Stats};
pub(crate) use threads::{check_cpus, pin, spawn_thread};

use self::job::Job;
use self::room::{BATCHES_OF_ALL, LONG_QUEUE, Room, Rooms};
use self::spent::Spent;
use self::stats::Counters;
use self::strand::{Claim, pass};
use self::turns::Turns;
use self::work::{Claimed, Work};
use crate::error::{Error, Result};

/// Threads for storage at most; they come when parts are written, as [`Turns`] says, and go when idle.
const STORAGE_THREADS: usize = 512;

/// The part of the pool's bytes that windows have before they go to be encoded sooner, though in no more batches than
/// their writers need to make pages of.
const WINDOWS_OF_ALL: usize = 4;

/// Workers and the writers they work for.
///
/// A worker is an async task that a thread of its own drives: tokio runs a task that was woken by another
/// only after that one, on the same thread, where it would wait behind milliseconds of encoding.
pub struct Pool {
    shared: Arc<Shared>,
    options: PoolOptions,
    /// Runs what waits for storage. None only while it is dropped.
    runtime: Option<Runtime>,
}

struct Shared {
    /// The writers that are open. Replaced when it changes, so that a pass sees one state of it.
    writers: RwLock<Arc<Vec<Arc<Work>>>>,
    /// How many they are.
    open: AtomicUsize,
    wake: Notify,
    next: AtomicUsize,
    stopped: AtomicBool,
    room: Arc<Room>,
    batches: Arc<Room>,
    spent: Arc<Spent>,
    /// Jobs that can be done, each its writer's only one.
    storage: Turns<(Arc<Work>, Claim<Job>)>,
    counters: Arc<Counters>,
}

impl Pool {
    /// Starts a pool of its own, beside the process's. It ends when its last writer has been dropped.
    pub fn start(options: PoolOptions) -> Result<Arc<Self>> {
        let options = options.resolved()?;
        let shared = Arc::new(Shared {
            writers: RwLock::default(),
            open: AtomicUsize::new(0),
            wake: Notify::new(),
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            room: Arc::new(Room::new(options.max_bytes)),
            batches: Arc::new(Room::refilled_by_eighths(options.max_bytes.div_ceil(BATCHES_OF_ALL))),
            spent: Arc::new(Spent::new(options.max_bytes)),
            storage: Turns::new(options.threads, turns::PATIENCE),
            counters: Arc::default(),
        });
        let cpus = options.cpus.clone();
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(STORAGE_THREADS)
            .thread_name("flow-storage")
            .thread_stack_size(options.stack_bytes)
            .on_thread_start(move || threads::pin(&cpus))
            .build()
            .map_err(|e| Error::io(&e, "starting the encode pool"))?;
        let handle = runtime.handle().clone();
        // Dropped on an error, it ends the workers that run already.
        let pool = Pool { shared, options, runtime: Some(runtime) };
        for worker in 0..pool.options.threads {
            let (shared, handle, cpus) = (pool.shared.clone(), handle.clone(), pool.options.cpus.clone());
            let work = move || {
                threads::pin(&cpus);
                handle.block_on(shared.work(&handle));
            };
            threads::spawn_thread_with(&format!("flow-encode-{worker}"), pool.options.stack_bytes, work)?;
        }
        Ok(Arc::new(pool))
    }

    /// What it was started with.
    pub fn options(&self) -> &PoolOptions {
        &self.options
    }

    /// Sums over all its writers, the closed ones included.
    pub fn stats(&self) -> Stats {
        self.shared.counters.read(&self.shared.room)
    }

    /// Writers that are open.
    pub fn writers(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Bytes that each of the windows has if all have the same.
    fn window_share(&self) -> usize {
        self.options.max_bytes / WINDOWS_OF_ALL / self.writers().max(1)
    }

    /// Room for a writer's bytes: so many, or as many as its batches need.
    fn rooms(&self, max_bytes: Option<usize>) -> Rooms {
        let own = Arc::new(Room::new(max_bytes.unwrap_or(LONG_QUEUE)));
        let (pool, batches) = (self.shared.room.clone(), self.shared.batches.clone());
        // One for each thread, as columns are not all equally far, the next, and one for the time that its caller takes
        // to wake up. More would keep the threads hardly busier.
        let most_batches = max_bytes.is_none().then_some(self.options.threads + 2);
        Rooms { own, pool, batches, most_batches }
    }

    fn spent(&self) -> &Arc<Spent> {
        &self.shared.spent
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.shared.counters
    }

    fn wake(&self) {
        self.shared.wake.notify_one();
    }

    fn add(&self, work: Arc<Work>) {
        self.change_writers(|writers| writers.push(work));
    }

    fn remove(&self, work: &Work) {
        self.change_writers(|writers| writers.retain(|other| !std::ptr::eq(&**other, work)));
        if self.writers() == 0 {
            self.shared.spent.clear();
        }
    }

    fn change_writers(&self, change: impl FnOnce(&mut Vec<Arc<Work>>)) {
        let mut writers = self.shared.writers.write();
        change(Arc::make_mut(&mut writers));
        self.shared.open.store(writers.len(), Ordering::Relaxed);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.wake.notify_one(); // one that ends wakes the next
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// A worker's life: passes over the writers as long as there is work, and sleeps.
    async fn work(self: &Arc<Self>, threads: &Handle) {
        while !self.stopped.load(Ordering::Acquire) {
            let writers = self.writers.read().clone();
            let start = self.next.fetch_add(1, Ordering::Relaxed);
            let wake = || self.wake.notify_one();
            let more = pass(
                writers.len(),
                start,
                |i| writers[i].claim(),
                wake,
                |claimed| match claimed {
                    Claimed::Column(work, group, column, claim) => work.encode(&group, column, claim),
                    Claimed::Jobs(work, claim) => {
                        // This thread goes on encoding.
                        if self.storage.push((work, claim)) {
                            self.clone().start_writing(threads.clone());
                        }
                        false
                    }
                },
            );
            drop(writers);
            if !more {
                self.wake.notified().await;
            }
        }
        self.wake.notify_one();
    }

    /// Makes one more thread write parts.
    fn start_writing(self: Arc<Self>, threads: Handle) {
        let write = |(work, claim): (Arc<Work>, _)| work.write(claim);
        threads.clone().spawn_blocking(move || {
            self.storage.work(write, || self.clone().start_writing(threads.clone()));
        });
    }
}
