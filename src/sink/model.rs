//! The lane under loom, which explores every interleaving and every reordering the memory model
//! allows. `lane` is compiled a second time here, over loom's atomics and a checked storage.

// The model needs only the calls that move bytes.
#[allow(clippy::duplicate_mod, dead_code, unused_imports)]
#[path = "lane/mod.rs"]
mod lane;

mod sync {
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicI32, AtomicU64, Ordering};

    use loom::cell::UnsafeCell;

    /// Few, so that there is no room for the third.
    pub const GAPS: usize = 2;

    pub fn ticks() -> u64 {
        0
    }

    pub struct Memory<C> {
        control: C,
        bytes: Box<Bytes>,
    }

    /// Real bytes, and beside every eight of them a cell that lets loom see who touches them when.
    struct Bytes {
        bytes: Box<[u64]>,
        watch: Vec<UnsafeCell<()>>,
    }

    // SAFETY: loom reports every unsynchronised access.
    unsafe impl<C> Sync for Memory<C> {}
    // SAFETY: as above.
    unsafe impl<C> Send for Memory<C> {}

    impl<C> std::fmt::Debug for Memory<C> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Memory")
        }
    }

    impl<C: Default> Memory<C> {
        pub fn new(words: usize) -> Self {
            let watch = (0..words).map(|_| UnsafeCell::new(())).collect();
            Memory { control: C::default(), bytes: Box::new(Bytes { bytes: vec![0; words].into(), watch }) }
        }
    }

    impl<C> Memory<C> {
        pub fn control(&self) -> &C {
            &self.control
        }

        pub fn ring(&self) -> Ring {
            Ring(&*self.bytes)
        }

        pub fn capacity(&self) -> u64 {
            self.bytes.bytes.len() as u64 * 8
        }
    }

    #[derive(Clone, Copy, Debug)]
    pub struct Ring(*const Bytes);

    // SAFETY: loom reports every unsynchronised access.
    unsafe impl Send for Ring {}
    // SAFETY: as above.
    unsafe impl Sync for Ring {}

    impl Ring {
        pub const NONE: Ring = Ring(std::ptr::null());

        pub unsafe fn at(self, at: u64) -> *mut u8 {
            // SAFETY: the caller's promise; the model's entries never lie over the ring's end.
            unsafe { (*self.0).bytes.as_ptr().cast_mut().cast::<u8>().add(at as usize) }
        }

        pub unsafe fn write(self, at: u64, from: *const u8, len: usize) {
            // SAFETY: the memory lives as long as the lane; the rest is the caller's promise, which loom checks.
            unsafe {
                (&(*self.0).watch)[at as usize / 8..(at as usize + len).div_ceil(8)]
                    .iter()
                    .for_each(|w| w.with_mut(|_| ()));
                std::ptr::copy_nonoverlapping(from, self.at(at), len);
            }
        }

        pub unsafe fn write_word(self, at: u64, word: u64) {
            // SAFETY: the caller's promise.
            unsafe { self.write(at, word.to_le_bytes().as_ptr(), 8) }
        }

        pub unsafe fn write_fresh<const AHEAD: usize>(self, at: u64, from: *const u8, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { self.write(at, from, len) }
        }

        pub unsafe fn read<'a>(self, at: u64, len: usize) -> &'a [u8] {
            // SAFETY: as above.
            unsafe {
                (&(*self.0).watch)[at as usize / 8..(at as usize + len).div_ceil(8)]
                    .iter()
                    .for_each(|w| w.with(|_| ()));
                std::slice::from_raw_parts(self.at(at), len)
            }
        }
    }
}

use lane::{ALIGN, Entries, LaneReader, lane};
use sync::Memory;

/// A lane with room for so many entries of eight bytes.
fn lane_of(entries: usize) -> (lane::LaneWriter, LaneReader) {
    lane(Memory::new(entries), Entries { stride: ALIGN, record: ALIGN, head: 0, is_tsc: false })
}

/// Every run with up to three preemptions: more would take minutes.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Reads what there is; every record is what its number says. Returns how many records and gaps there were.
fn read(reader: &mut LaneReader, missing: &mut u64) {
    while reader.look(|gap| *missing += gap.missing) > 0 {
        while reader.run_len() > 0 {
            let mut le = [0; ALIGN];
            le.copy_from_slice(reader.bytes(0, ALIGN));
            assert_eq!(u64::from_le_bytes(le), reader.cursor().sequence());
            reader.advance(ALIGN, 1);
            let cursor = reader.cursor();
            reader.release(cursor);
        }
    }
}

/// Reads until the producer has closed the lane, and it is empty. Returns how many are missing.
fn read_all(reader: &mut LaneReader) -> u64 {
    let mut missing = 0;
    loop {
        let closed = reader.is_closed();
        read(reader, &mut missing);
        if closed {
            return missing;
        }
        loom::thread::yield_now();
    }
}

/// Offers records `from..to`, each of which is its number.
fn offer(writer: &mut lane::LaneWriter, from: u64, to: u64) -> u64 {
    let mut accepted = 0;
    for value in from..to {
        if writer.reserve(ALIGN).is_ok() {
            // SAFETY: eight bytes of a local, an entry of eight.
            unsafe { writer.write(0, value.to_le_bytes().as_ptr(), ALIGN) };
            writer.publish(ALIGN);
            accepted += 1;
        } else {
            writer.count_dropped(1);
        }
    }
    accepted
}

/// Records through a lane of two while the reader drains: nothing torn, nothing lost, nothing doubled, accepted +
/// dropped = offered, and each record's number counts those that were dropped before it.
#[test]
fn every_interleaving_delivers_what_was_accepted() {
    loom::model(|| {
        let (mut writer, mut reader) = lane_of(2);
        let producer = loom::thread::spawn(move || {
            let accepted = offer(&mut writer, 0, 4);
            writer.close(-1);
            accepted
        });
        let mut missing = read_all(&mut reader);
        let accepted = producer.join().unwrap();
        missing += reader.last_gap().map_or(0, |gap| gap.missing);
        let counts = reader.meter().counts();
        assert_eq!((counts.accepted, reader.cursor().records), (accepted, accepted));
        assert_eq!((counts.accepted + counts.dropped, missing), (4, counts.dropped));
    });
}

/// The same where gaps are more than there is room to note.
#[test]
fn gaps_without_room_are_counted_in_every_interleaving() {
    explore(|| {
        let (mut writer, mut reader) = lane_of(4);
        // Two gaps are noted: 1, and 3.
        for first in [0, 2] {
            assert_eq!(offer(&mut writer, first, first + 1), 1);
            writer.count_dropped(1);
        }
        let producer = loom::thread::spawn(move || {
            // A third, and what comes after it finds no room until one is read.
            assert_eq!(offer(&mut writer, 4, 5), 1);
            writer.count_dropped(1);
            let accepted = offer(&mut writer, 6, 7);
            writer.close(-1);
            accepted
        });
        let mut missing = read_all(&mut reader);
        let accepted = 3 + producer.join().unwrap();
        missing += reader.last_gap().map_or(0, |gap| gap.missing);
        let counts = reader.meter().counts();
        assert_eq!((counts.accepted, counts.accepted + missing, missing), (accepted, 7, counts.dropped));
    });
}

/// Who looks at the counters meanwhile never sees more in the lane than it holds, nor the drain ahead of the producer.
#[test]
fn counts_are_possible_in_every_interleaving() {
    explore(|| {
        let (mut writer, mut reader) = lane_of(2);
        let meter = reader.meter();
        let producer = loom::thread::spawn(move || {
            offer(&mut writer, 0, 3);
            writer.close(-1);
        });
        let onlooker = loom::thread::spawn(move || {
            let counts = meter.counts();
            assert!(counts.used_bytes <= 2 * ALIGN as u64 && counts.read <= counts.accepted, "{counts:?}");
        });
        read_all(&mut reader);
        producer.join().unwrap();
        onlooker.join().unwrap();
    });
}
