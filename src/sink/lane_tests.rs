//! The lane against a queue. Beside `lane`, not in it: the model compiles that module a second time.

use super::lane::{ALIGN, Control, Cursor, Entries, Gap, LaneReader, LaneWriter, Refusal, lane};
use super::memory::Mapping;
use super::sync::Memory;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::fs::File;

pub fn new_lane(capacity: usize, stride: usize) -> (LaneWriter, LaneReader) {
    let mapping = Mapping::new(size_of::<Control>(), capacity, false).unwrap();
    // SAFETY: new, so zeros.
    let memory = unsafe { Memory::new(mapping) };
    lane(memory, Entries { stride, record: stride, head: 0, is_tsc: false })
}

fn release_all(reader: &mut LaneReader) {
    let cursor = reader.cursor();
    reader.release(cursor);
}

proptest! {
    /// Random entries against a queue: same order, same bytes over every wrap, drops exactly when full, and the
    /// numbers of those that are missing.
    #[test]
    fn a_lane_is_a_bounded_queue_that_counts(
        steps in prop::collection::vec((0u8..4, 1usize..200, any::<u8>()), 1..600),
    ) {
        let (mut writer, mut reader) = new_lane(1, 0);
        let room = reader.capacity() as usize;
        let mut model: VecDeque<(u64, usize, u8)> = VecDeque::new();
        let (mut used, mut offered, mut gaps) = (0, 0u64, Vec::<Gap>::new());
        for (step, words, byte) in steps {
            let len = words * ALIGN;
            if step > 0 {
                let fits = used + len <= room;
                prop_assert_eq!(writer.reserve(len), if fits { Ok(()) } else { Err(Refusal::Full) });
                if fits {
                    // SAFETY: the vector is as long as said, and so is the entry.
                    unsafe { writer.write(0, vec![byte; len].as_ptr(), len) };
                    writer.count_accepted();
                    writer.publish(len);
                    model.push_back((offered, len, byte));
                    used += len;
                } else {
                    writer.count_dropped(1);
                }
                offered += 1;
            } else if reader.look(|gap| gaps.push(gap)) > 0 {
                let (sequence, len, byte) = model.pop_front().unwrap();
                prop_assert_eq!(reader.cursor().sequence(), sequence);
                prop_assert_eq!(reader.available() as usize, used);
                prop_assert!(reader.run_len() >= len);
                prop_assert!(reader.bytes(0, len).iter().all(|&b| b == byte));
                reader.advance(len, 1);
                release_all(&mut reader);
                used -= len;
            }
        }
        writer.close(-1);
        while reader.look(|gap| gaps.push(gap)) > 0 {
            let (sequence, len, _) = model.pop_front().unwrap();
            prop_assert_eq!(reader.cursor().sequence(), sequence);
            reader.advance(len, 1);
        }
        gaps.extend(reader.last_gap());
        let counts = reader.meter().counts();
        prop_assert_eq!(counts.accepted + counts.dropped, offered);
        prop_assert_eq!(gaps.iter().map(|gap| gap.missing).sum::<u64>(), counts.dropped);
        prop_assert!(gaps.windows(2).all(|two| two[0].sequence + two[0].missing < two[1].sequence));
    }

    /// Fixed entries come out in runs that hold each once, in order, across many wraps; numbers jump where runs end
    /// by what was dropped there.
    #[test]
    fn runs_hold_every_entry(words in 1usize..60, bursts in prop::collection::vec(1usize..400, 1..60)) {
        let stride = words * ALIGN;
        let (mut writer, mut reader) = new_lane(1, stride);
        let mut offered = 0u64;
        for burst in bursts {
            for _ in 0..burst {
                match writer.reserve(stride) {
                    Ok(()) => {
                        // SAFETY: eight bytes, and every entry has at least as many.
                        unsafe { writer.write(0, offered.to_le_bytes().as_ptr(), 8) };
                        writer.publish(stride);
                    }
                    Err(_) => writer.count_dropped(1),
                }
                offered += 1;
            }
            while reader.look(|_| ()) > 0 {
                let first = reader.cursor().sequence();
                let entries = (reader.run_len() / stride).min(7);
                for (i, entry) in reader.bytes(0, entries * stride).chunks_exact(stride).enumerate() {
                    prop_assert_eq!(entry[..8].to_vec(), (first + i as u64).to_le_bytes().to_vec());
                }
                reader.advance(entries * stride, entries as u64);
                release_all(&mut reader);
            }
        }
        let counts = reader.meter().counts();
        prop_assert_eq!((counts.accepted + counts.dropped, counts.read), (offered, counts.accepted));
    }
}

/// Every second record is dropped, far more often than a lane has room for notes: it takes nothing then, and no
/// number is wrong.
#[test]
fn gaps_that_find_no_room_are_counted_all_the_same() {
    let (mut writer, mut reader) = new_lane(1 << 20, ALIGN);
    let mut offered = 0u64;
    for _ in 0..1000 {
        if writer.reserve(ALIGN).is_ok() {
            // SAFETY: eight bytes, an entry of eight.
            unsafe { writer.write(0, offered.to_le_bytes().as_ptr(), ALIGN) };
            writer.publish(ALIGN);
        } else {
            writer.count_dropped(1);
        }
        writer.count_dropped(1);
        offered += 2;
    }
    let mut gaps = 0;
    let mut seen = 0;
    while reader.look(|_| gaps += 1) > 0 {
        let entry = u64::from_le_bytes(*reader.bytes(0, ALIGN).first_chunk().unwrap());
        assert_eq!(entry, reader.cursor().sequence());
        reader.advance(ALIGN, 1);
        release_all(&mut reader);
        seen += 1;
    }
    assert!(gaps > 200 && seen < 500, "{gaps} gaps, {seen} records");
    assert_eq!(writer.reserve(ALIGN), Ok(()), "there is room for notes again");
    // SAFETY: as above.
    unsafe { writer.write(0, offered.to_le_bytes().as_ptr(), ALIGN) };
    writer.publish(ALIGN);
    while reader.look(|_| ()) == 0 {}
    assert_eq!(reader.cursor().sequence(), offered);
    assert_eq!(reader.bytes(0, ALIGN), offered.to_le_bytes());
}

/// After a power cut, only what was forced to disk is taken for whole, and what the part is known to have.
#[test]
fn what_was_not_synced_is_not_trusted_after_a_reboot() {
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| File::options().read(true).write(true).open(directory.path().join(name)).unwrap();
    File::create_new(directory.path().join("lane")).unwrap();
    // SAFETY: new, so zeros.
    let memory = unsafe { Memory::new(Mapping::create(open("lane"), size_of::<Control>(), 1).unwrap()) };
    let (mut writer, reader) = lane(memory, Entries { stride: ALIGN, record: ALIGN, head: 0, is_tsc: false });
    for i in 0..3u64 {
        writer.reserve(ALIGN).unwrap();
        // SAFETY: eight bytes, an entry of eight.
        unsafe { writer.write(0, i.to_le_bytes().as_ptr(), ALIGN) };
        writer.publish(ALIGN);
        if i == 1 {
            reader.meter().sync(|memory| memory.mapping().sync()).unwrap();
        }
    }
    drop((writer, reader));
    let available = |rebooted, position| {
        std::fs::copy(directory.path().join("lane"), directory.path().join("copy")).unwrap();
        // SAFETY: made above.
        let memory = unsafe { Memory::new(Mapping::open(open("copy"), size_of::<Control>()).unwrap()) };
        LaneReader::resume(memory, Cursor { position, ..Cursor::default() }, -1, rebooted).look(|_| ())
    };
    assert_eq!((available(false, 0), available(true, 0)), (24, 16));
    assert_eq!((available(false, 24), available(true, 24)), (0, 0));
}

/// What a closed or forked process finds.
#[test]
fn a_lane_without_memory_refuses() {
    let (mut writer, reader) = new_lane(1, ALIGN);
    writer.close(-10);
    assert_eq!((writer.reserve(ALIGN), writer.check()), (Err(Refusal::Gone), Err(Refusal::Gone)));
    assert!(reader.is_closed());
    writer.count_dropped(1);
    // SAFETY: zeros are a value, which a forked child finds; it owns nothing.
    let mut forked: LaneWriter = unsafe { std::mem::zeroed() };
    assert_eq!((forked.reserve(ALIGN), forked.check()), (Err(Refusal::Forked), Err(Refusal::Forked)));
}
