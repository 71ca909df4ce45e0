//! The lane against a queue. Beside `lane.rs`, not in it: the model compiles that file a second time.

use super::lane::{ALIGN, lane};
use proptest::prelude::*;
use std::collections::VecDeque;

proptest! {
    /// Random entries against a queue: same order, same bytes, drops exactly when full.
    #[test]
    fn a_lane_is_a_bounded_queue(
        capacity in 16usize..200,
        steps in prop::collection::vec((any::<bool>(), 1usize..5, any::<u8>()), 1..400),
    ) {
        let (mut writer, mut reader) = lane(capacity, 4 * ALIGN);
        let room = capacity.max(8 * ALIGN).next_power_of_two();
        let mut model = VecDeque::new();
        let (mut used, mut dropped) = (0, 0);
        for (push, words, byte) in steps {
            let len = words * ALIGN;
            if push {
                let fits = used + len <= room;
                prop_assert_eq!(writer.reserve(len), fits);
                if fits {
                    // SAFETY: the array is as long as said, and so is the entry.
                    unsafe { writer.write(0, [byte; 4 * ALIGN].as_ptr(), len) };
                    writer.publish(len);
                    model.push_back((len, byte));
                    used += len;
                } else {
                    dropped += 1;
                }
            } else if let Some((len, byte)) = model.pop_front() {
                prop_assert_eq!(reader.available(), used);
                prop_assert!(reader.entry(0, len).iter().all(|&b| b == byte));
                reader.release(len);
                used -= len;
            }
        }
        prop_assert_eq!(reader.counts().dropped, dropped);
    }

    /// Fixed entries come out in runs that hold each once, in order, across many wraps.
    #[test]
    fn runs_hold_every_entry(words in 1usize..6, bursts in prop::collection::vec(1usize..40, 1..60)) {
        let stride = words * ALIGN;
        let (mut writer, mut reader) = lane(256, stride);
        let (mut next, mut expected) = (0u64, 0u64);
        for burst in bursts {
            for _ in 0..burst {
                if writer.reserve(stride) {
                    // SAFETY: eight bytes, and every entry has at least as many.
                    unsafe { writer.write(0, next.to_le_bytes().as_ptr(), 8) };
                    writer.publish(stride);
                    next += 1;
                }
            }
            while reader.available() > 0 {
                let run = reader.run(stride, 7);
                for entry in run.chunks_exact(stride) {
                    prop_assert_eq!(entry[..8].to_vec(), expected.to_le_bytes().to_vec());
                    expected += 1;
                }
                let len = run.len();
                reader.release(len);
            }
        }
        prop_assert_eq!(next, expected);
        prop_assert_eq!(reader.counts().accepted, next);
    }
}
