//! The strands under loom, which explores every interleaving and every reordering the memory model allows.
//! `strand.rs` is compiled a second time here, over loom's atomics.

// The model needs only the calls that workers and writers make.
#[allow(clippy::duplicate_mod, dead_code)]
#[path = "strand.rs"]
mod strand;

mod sync {
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// With the interface of parking_lot's.
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

use loom::sync::{Condvar, Mutex};
use strand::{Strand, pass};
use sync::{Arc, AtomicUsize, Ordering};

/// Wakes that fall together count once, as the worst of schedulers may have it.
struct Wake {
    permit: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    fn new() -> Self {
        Wake { permit: Mutex::new(false), changed: Condvar::new() }
    }

    fn one(&self) {
        *self.permit.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn sleep(&self) {
        let mut permit = self.permit.lock().unwrap();
        while !*permit {
            permit = self.changed.wait(permit).unwrap();
        }
        *permit = false;
    }
}

struct Model {
    strands: Vec<Arc<Strand<usize>>>,
    pending: Arc<AtomicUsize>,
    wake: Wake,
    /// Units done.
    done: Mutex<Vec<usize>>,
    progress: Condvar,
}

impl Model {
    fn new(strands: usize) -> Arc<Self> {
        let pending = Arc::new(AtomicUsize::new(0));
        Arc::new(Model {
            strands: (0..strands).map(|_| Strand::new(pending.clone())).collect(),
            pending,
            wake: Wake::new(),
            done: Mutex::new(Vec::new()),
            progress: Condvar::new(),
        })
    }

    /// A worker, as in `Shared::work`, until `total` units are done.
    fn work(&self, total: usize, unit: impl Fn(&Self, usize)) {
        loop {
            let claim = |place: usize| match self.pending.load(Ordering::Acquire) {
                0 => None,
                _ => Strand::claim(&self.strands[place]),
            };
            let more = pass(
                self.strands.len(),
                0,
                claim,
                || self.wake.one(),
                |mut claim| {
                    while let Some(item) = claim.next() {
                        unit(self, item);
                        self.done.lock().unwrap().push(item);
                        self.progress.notify_all();
                    }
                    claim.release()
                },
            );
            if self.done.lock().unwrap().len() == total {
                self.wake.one(); // the peer ends, too
                return;
            }
            if !more {
                self.wake.sleep();
            }
        }
    }

    fn push(&self, strand: usize, item: usize) {
        self.strands[strand].push(item);
        self.wake.one();
    }
}

/// Every run with up to two preemptions. The cascade and the re-check need fewer to be missed; the guard is for panics.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// Work pushed while its strand is being released is found: no worker sleeps while there is some.
#[test]
fn no_unit_is_stranded_and_their_order_is_kept() {
    explore(|| {
        let model = Model::new(1);
        let peer = model.clone();
        let worker = loom::thread::spawn(move || peer.work(2, |_, _| ()));
        let pusher = model.clone();
        let submitter = loom::thread::spawn(move || (1..=2).for_each(|item| pusher.push(0, item)));
        model.work(2, |_, _| ());
        submitter.join().unwrap();
        worker.join().unwrap();
        assert_eq!(*model.done.lock().unwrap(), [1, 2]);
        assert_eq!(model.pending.load(Ordering::Relaxed), 0);
        assert_eq!(model.strands[0].len(), 0);
    });
}

/// A unit that takes long holds nothing up: its worker has woken a peer before.
#[test]
fn wakes_that_fall_together_still_wake_enough() {
    explore(|| {
        let model = Model::new(2);
        // Unit 1 lasts until unit 2 is done.
        let unit = |model: &Model, item: usize| {
            let mut done = model.done.lock().unwrap();
            while item == 1 && !done.contains(&2) {
                done = model.progress.wait(done).unwrap();
            }
        };
        model.push(0, 1);
        model.push(1, 2);
        let peer = model.clone();
        let woken = move |model: &Model| {
            model.wake.sleep();
            model.work(2, unit);
        };
        let worker = loom::thread::spawn(move || woken(&peer));
        woken(&model);
        worker.join().unwrap();
        assert_eq!(model.pending.load(Ordering::Relaxed), 0);
    });
}
