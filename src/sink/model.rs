//! The lane under loom, which explores every interleaving and every reordering the memory model
//! allows. `lane.rs` is compiled a second time here, over loom's atomics and a checked storage.

// The model needs only the calls that move bytes.
#[allow(clippy::duplicate_mod, dead_code)]
#[path = "lane.rs"]
mod lane;

mod sync {
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

    use loom::cell::UnsafeCell;

    /// Real bytes, and beside every eight of them a cell that lets loom see who touches them when.
    #[derive(Debug)]
    pub struct Storage {
        bytes: Box<[u64]>,
        watch: Vec<UnsafeCell<()>>,
    }

    // SAFETY: loom reports every unsynchronised access.
    unsafe impl Sync for Storage {}

    impl Storage {
        pub fn new(len: usize) -> Self {
            let words = len.div_ceil(8);
            Storage { bytes: vec![0; words].into(), watch: (0..words).map(|_| UnsafeCell::new(())).collect() }
        }

        fn words(at: usize, len: usize) -> std::ops::Range<usize> {
            at / 8..(at + len).div_ceil(8)
        }

        pub unsafe fn write(&self, at: usize, from: *const u8, len: usize) {
            self.watch[Self::words(at, len)].iter().for_each(|w| w.with_mut(|_| ()));
            let base = self.bytes.as_ptr().cast_mut().cast::<u8>();
            // SAFETY: the caller's promise, and loom's check above.
            unsafe { std::ptr::copy_nonoverlapping(from, base.add(at), len) }
        }

        pub unsafe fn read(&self, at: usize, len: usize) -> &[u8] {
            self.watch[Self::words(at, len)].iter().for_each(|w| w.with(|_| ()));
            // SAFETY: the caller's promise, and loom's check above.
            unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast::<u8>().add(at), len) }
        }
    }
}

use lane::{ALIGN, lane};

/// Four records through a lane of two while the reader drains: nothing torn, nothing lost, nothing
/// doubled, and accepted + dropped = offered.
#[test]
fn every_interleaving_delivers_what_was_accepted() {
    loom::model(|| {
        let (mut writer, mut reader) = lane(2 * ALIGN, ALIGN);
        let producer = loom::thread::spawn(move || {
            let mut accepted = Vec::new();
            for value in 1u64..=4 {
                if writer.reserve(ALIGN) {
                    // SAFETY: eight bytes of a local, an entry of eight.
                    unsafe { writer.write(0, value.to_le_bytes().as_ptr(), ALIGN) };
                    writer.publish(ALIGN);
                    accepted.push(value);
                }
            }
            writer.close(-1);
            accepted
        });
        let mut seen = Vec::new();
        loop {
            let closed = reader.is_closed();
            while reader.available() > 0 {
                let mut le = [0; ALIGN];
                le.copy_from_slice(reader.entry(0, ALIGN));
                seen.push(u64::from_le_bytes(le));
                reader.release(ALIGN);
            }
            if closed {
                break;
            }
            loom::thread::yield_now();
        }
        let accepted = producer.join().unwrap();
        assert_eq!(seen, accepted);
        let counts = reader.counts();
        assert_eq!((counts.accepted, counts.accepted + counts.dropped), (accepted.len() as u64, 4));
    });
}
