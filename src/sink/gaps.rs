//! What is missing in the data, and where: the summary that goes into a part's metadata.

use std::fmt::Write;

use super::clock::Clock;
use super::lane::{Cursor, Gap, LaneCounts};
use crate::error::{Error, ErrorClass, Result};

/// How far a producer's records have got, and what is missing among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How far its lane has been read.
    pub cursor: Cursor,
    /// Gaps so far: how many, and the records missing in all.
    pub gaps: u64,
    pub missing: u64,
    /// Numbers of the first and the last record missing.
    pub first: u64,
    pub last: u64,
    /// When they were dropped, in ticks.
    pub from: u64,
    pub to: u64,
    /// What was counted, once the producer is closed and its lane empty.
    pub accepted: u64,
    pub dropped: u64,
    pub oversized: u64,
    pub is_done: bool,
    /// Records that were accepted and then lost with a part that could not be written.
    pub lost: u64,
    /// When the last record that was read was stamped, in nanoseconds since 1970.
    pub time: i64,
}

/// Words of a progress as bytes.
const WORDS: usize = 16;
/// Bytes of it.
const BYTES: usize = 8 * WORDS;

impl Progress {
    pub fn add(&mut self, gap: Gap) {
        if self.gaps == 0 {
            (self.first, self.from) = (gap.sequence, gap.first);
        }
        self.gaps += 1;
        self.missing += gap.missing;
        (self.last, self.to) = (gap.sequence + gap.missing - 1, gap.last);
    }

    /// The producer is closed, and everything has been read.
    pub fn end(&mut self, counts: LaneCounts) {
        (self.accepted, self.dropped) = (self.cursor.records, counts.dropped);
        (self.oversized, self.is_done) = (counts.oversized, true);
    }

    /// What came after `kept` is lost.
    pub fn lose_since(&mut self, kept: &Progress) {
        self.lost = kept.lost + (self.cursor.records - kept.cursor.records);
    }

    /// One producer's share of the metadata `libflow.gaps`, as JSON.
    pub fn describe(&self, producer: u32, clock: &Clock) -> String {
        let Progress { accepted, dropped, oversized, lost, gaps, missing, first, last, .. } = self;
        let mut text = format!(
            r#"{{"producer":{producer},"accepted":{accepted},"dropped":{dropped},"oversized":{oversized},"lost":{lost},"gaps":{gaps}"#
        );
        if self.gaps > 0 {
            let (from, to) = (clock.utc_ns(self.from), clock.utc_ns(self.to));
            let _ = write!(
                text,
                r#","missing":{missing},"first":{first},"last":{last},"from_ns":{from},"to_ns":{to}"#
            );
        }
        text.push('}');
        text
    }

    pub fn to_bytes(self) -> [u8; BYTES] {
        let Cursor { position, gaps, records, missing } = self.cursor;
        let words: [u64; WORDS] = [
            position,
            gaps,
            records,
            missing,
            self.gaps,
            self.missing,
            self.first,
            self.last,
            self.from,
            self.to,
            self.accepted,
            self.dropped,
            self.oversized,
            u64::from(self.is_done),
            self.lost,
            self.time.cast_unsigned(),
        ];
        let mut bytes = [0; BYTES];
        bytes.as_chunks_mut().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        let mut words = [0; WORDS];
        bytes.as_chunks().0.iter().zip(&mut words).for_each(|(&le, to)| *to = u64::from_le_bytes(le));
        let [position, gap_notes, records, before, gaps, missing, first, last, from, to, ..] = words;
        Progress {
            cursor: Cursor { position, gaps: gap_notes, records, missing: before },
            gaps,
            missing,
            first,
            last,
            from,
            to,
            accepted: words[10],
            dropped: words[11],
            oversized: words[12],
            is_done: words[13] != 0,
            lost: words[14],
            time: words[15].cast_signed(),
        }
    }
}

/// How far all producers have got, as a note in a journal.
pub fn note(of: &[(u32, Progress)]) -> Vec<u8> {
    of.iter()
        .flat_map(|(producer, progress)| producer.to_le_bytes().into_iter().chain(progress.to_bytes()))
        .collect()
}

/// What [`note`] wrote.
pub fn read_note(note: &[u8]) -> Result<Vec<(u32, Progress)>> {
    let (entries, rest) = note.as_chunks::<{ 4 + BYTES }>();
    if !rest.is_empty() {
        return Err(Error::new(ErrorClass::Corrupt, "a note in the journal is none of this version's sinks"));
    }
    let read = |entry: &[u8; 4 + BYTES]| {
        let (producer, progress) = entry.split_first_chunk()?;
        Some((u32::from_le_bytes(*producer), Progress::from_bytes(progress.first_chunk()?)))
    };
    Ok(entries.iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_add_up_and_go_through_bytes() {
        let mut progress = Progress::default();
        let clock = Clock::from_bytes([0; 24]);
        assert_eq!(
            progress.describe(3, &clock),
            r#"{"producer":3,"accepted":0,"dropped":0,"oversized":0,"lost":0,"gaps":0}"#
        );
        progress.add(Gap { sequence: 10, missing: 5, first: 1, last: 2 });
        progress.add(Gap { sequence: 20, missing: 1, first: 3, last: 4 });
        progress.cursor = Cursor { position: 1, gaps: 2, records: 30, missing: 6 };
        progress.end(LaneCounts { accepted: 30, dropped: 6, oversized: 1, ..LaneCounts::default() });
        let text = progress.describe(0, &clock);
        assert!(text.contains(r#""gaps":2,"missing":6,"first":10,"last":20"#), "{text}");
        progress.cursor.records = 40;
        progress.lose_since(&Progress { lost: 2, ..Progress::default() });
        assert_eq!(progress.lost, 42);
        progress.time = -1;
        let all = [(0, Progress::default()), (7, progress)];
        assert_eq!(read_note(&note(&all)).unwrap(), all);
        assert!(read_note(&note(&all)[1..]).is_err());
    }
}
