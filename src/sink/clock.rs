//! Capture time: the CPU's time stamp counter on the producer's side, turned into UTC by the drain.
//!
//! The drain reads both clocks together, ever again. Between two readings the counter is taken to run evenly; how
//! far the next reading is from what was foretold is the error, whose bound goes into the part's metadata. A wall
//! clock that steps is followed, and each step is told.

use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the clocks are compared.
const EVERY: Duration = Duration::from_millis(50);
/// The rate of the counter is measured over as long as this, or twice as long.
const SPAN_NS: i64 = 1_000_000_000;
/// What the first rate is measured over.
const FIRST: Duration = Duration::from_millis(5);
/// A wall clock that is further off than this was set.
const STEP_NS: i64 = 1_000_000;
/// Steps that are told one by one.
const TOLD: usize = 100;

/// The counter, raw. Where it does not run evenly, nanoseconds of the wall clock.
#[inline(never)]
pub fn ticks() -> u64 {
    if is_tsc() { tsc() } else { utc_ns() as u64 }
}

/// The CPU's time stamp counter, where [`is_tsc`] says that it is one.
#[inline(always)]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has it.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// Whether ticks are those of a time stamp counter that no sleep or frequency changes (Intel SDM 3B, 19.17.1:
/// CPUID.80000007H:EDX bit 8).
pub fn is_tsc() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::__cpuid;
            __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
        }
        #[cfg(not(target_arch = "x86_64"))]
        false
    })
}

/// Nanoseconds since 1970.
pub fn utc_ns() -> i64 {
    let since = |e: std::time::SystemTimeError| -(e.duration().as_nanos() as i64);
    SystemTime::now().duration_since(UNIX_EPOCH).map_or_else(since, |d| d.as_nanos() as i64)
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    ticks: u64,
    utc_ns: i64,
    /// Ticks between the readings of the counter before and after that of the wall clock.
    width: u64,
}

impl Reading {
    /// The best of a few: a thread may lose its CPU in one.
    fn take() -> Self {
        let one = |_| {
            let before = ticks();
            let utc_ns = utc_ns();
            let width = ticks().wrapping_sub(before);
            Reading { ticks: before.wrapping_add(width / 2), utc_ns, width }
        };
        (1..5).map(one).fold(one(0), |best, other| if other.width < best.width { other } else { best })
    }
}

/// Turns ticks into UTC.
#[derive(Clone, Debug)]
pub struct Clock {
    anchor: Reading,
    ns_per_tick: f64,
    /// What the rate is measured from, and what it will be.
    since: Reading,
    later: Reading,
    due: Instant,
    error_ns: u64,
    steps: Vec<(i64, i64)>,
    more_steps: u64,
}

impl Clock {
    /// Measures the counter for some milliseconds.
    pub fn start() -> Self {
        let since = Reading::take();
        std::thread::sleep(FIRST);
        let now = Reading::take();
        let mut clock = Clock {
            anchor: now,
            ns_per_tick: 1.0,
            since,
            later: now,
            due: Instant::now() + EVERY,
            error_ns: 0,
            steps: Vec::new(),
            more_steps: 0,
        };
        clock.measure(now);
        // What the rate may be wrong by shows until the next reading.
        let widths = (since.width + now.width) as f64 * clock.ns_per_tick / 2.0;
        clock.error_ns = (widths * EVERY.as_secs_f64() / FIRST.as_secs_f64()) as u64 + 1;
        clock
    }

    /// UTC at some ticks, in nanoseconds since 1970.
    #[inline(always)]
    pub fn utc_ns(&self, ticks: u64) -> i64 {
        let since = ticks.wrapping_sub(self.anchor.ticks) as i64;
        self.anchor.utc_ns + (since as f64 * self.ns_per_tick) as i64
    }

    /// UTC at some ticks that follow others, at `last`: not before that, as the clocks may have been compared anew
    /// since, unless they were set.
    #[inline(always)]
    pub fn utc_ns_after(&self, last: i64, ticks: u64) -> i64 {
        let utc_ns = self.utc_ns(ticks);
        if last - utc_ns > STEP_NS { utc_ns } else { last.max(utc_ns) }
    }

    /// Compares the clocks, if it is time to. Whether it was.
    pub fn compare(&mut self) -> bool {
        let now = Instant::now();
        let is_due = now >= self.due;
        if is_due {
            self.due = now + EVERY;
            self.take(Reading::take());
        }
        is_due
    }

    fn take(&mut self, now: Reading) {
        let off = now.utc_ns - self.utc_ns(now.ticks);
        if off.abs() > STEP_NS {
            match self.steps.len() {
                0..TOLD => self.steps.push((now.utc_ns, off)),
                _ => self.more_steps += 1,
            }
            // The rate stays: what is known of it is older than the step.
            (self.anchor, self.since, self.later) = (now, now, now);
            return;
        }
        let width = (now.width as f64 * self.ns_per_tick / 2.0) as u64;
        self.error_ns = self.error_ns.max(off.unsigned_abs() + width);
        self.measure(now);
    }

    fn measure(&mut self, now: Reading) {
        self.anchor = now;
        if now.utc_ns - self.later.utc_ns > SPAN_NS {
            (self.since, self.later) = (self.later, now);
        }
        let ticks = now.ticks.wrapping_sub(self.since.ticks);
        if ticks > 0 && now.utc_ns > self.since.utc_ns {
            self.ns_per_tick = (now.utc_ns - self.since.utc_ns) as f64 / ticks as f64;
        }
    }

    /// What is to be known of the stamps, as JSON.
    pub fn describe(&self) -> String {
        let source = if is_tsc() { "tsc" } else { "realtime" };
        let (hz, error_ns) = (1e9 / self.ns_per_tick, self.error_ns);
        let mut text = format!(r#"{{"source":"{source}","hz":{hz:.0},"error_ns":{error_ns},"steps":["#);
        for (i, (at, by)) in self.steps.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(text, r#"{comma}{{"at":{at},"by_ns":{by}}}"#);
        }
        let _ = write!(text, r#"],"more_steps":{}}}"#, self.more_steps);
        text
    }

    /// What another process needs to read stamps of this one's: ticks, UTC at them, and nanoseconds a tick.
    pub fn to_bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.anchor.ticks.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.anchor.utc_ns.to_le_bytes());
        bytes[16..].copy_from_slice(&self.ns_per_tick.to_le_bytes());
        bytes
    }

    /// The clock of another process, as it was.
    pub fn from_bytes(bytes: [u8; 24]) -> Self {
        let word = |i: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[8 * i..][..8]);
            word
        };
        let anchor =
            Reading { ticks: u64::from_le_bytes(word(0)), utc_ns: i64::from_le_bytes(word(1)), width: 0 };
        Clock {
            anchor,
            ns_per_tick: f64::from_le_bytes(word(2)),
            since: anchor,
            later: anchor,
            due: Instant::now(),
            error_ns: 0,
            steps: Vec::new(),
            more_steps: 0,
        }
    }
}

#[cfg(test)]
impl Clock {
    /// A clock that is ahead and never looks.
    pub fn ahead(by: Duration) -> Self {
        let mut clock = Clock::start();
        clock.anchor.utc_ns += by.as_nanos() as i64;
        clock.due += Duration::from_secs(3600);
        clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(ticks: u64, utc_ns: i64) -> Reading {
        Reading { ticks, utc_ns, width: 4 }
    }

    /// 2 ticks a nanosecond, from (0, 1000 s) on.
    fn clock() -> Clock {
        let mut clock = Clock::from_bytes([0; 24]);
        (clock.since, clock.later) = (reading(0, 1_000_000_000_000), reading(0, 1_000_000_000_000));
        clock.measure(reading(20_000_000, 1_000_010_000_000));
        clock
    }

    #[test]
    fn ticks_become_utc_before_and_after_a_reading() {
        let clock = clock();
        assert_eq!(clock.utc_ns(20_000_000), 1_000_010_000_000);
        assert_eq!(clock.utc_ns(20_000_010), 1_000_010_000_005);
        assert_eq!(clock.utc_ns(19_999_990), 1_000_009_999_995);
        let other = Clock::from_bytes(clock.to_bytes());
        assert_eq!(other.utc_ns(40_000_000), clock.utc_ns(40_000_000));
    }

    #[test]
    fn what_is_foretold_wrongly_is_the_error_and_a_step_is_told() {
        let mut clock = clock();
        clock.take(reading(120_000_000, 1_000_060_000_300)); // 300 ns later than foretold
        assert_eq!((clock.error_ns, clock.steps.len()), (301, 0)); // and half a width
        let before = clock.utc_ns(220_000_000);
        clock.take(reading(220_000_000, before - 3_600_000_000_000)); // an hour back
        assert_eq!(clock.steps.len(), 1);
        assert!(clock.error_ns < 1000, "a step is no error");
        assert_eq!(clock.utc_ns(220_000_000), before - 3_600_000_000_000);
        assert!(clock.describe().contains(r#""by_ns":-3600000000000"#), "{}", clock.describe());
    }

    #[test]
    fn the_real_clocks_agree_within_the_bound() {
        let mut clock = Clock::start();
        for _ in 0..20 {
            clock.due = Instant::now();
            clock.compare();
            let (before, now, after) = (utc_ns(), clock.utc_ns(ticks()), utc_ns());
            if clock.steps.is_empty() {
                let bound = clock.error_ns as i64 + 1_000_000; // a thread may wait between two lines
                assert!(before - bound <= now && now <= after + bound, "{before} {now} {after}");
            }
        }
    }
}
