//! What single calls cost: percentiles, with the caches warm and with everything evicted from L1 and L2 before
//! each. A burst's mean is beside them, as a clock costs more than a call.

use std::hint::black_box;
use std::time::Instant;

use super::sides::{BURST, Ours, Record, Rtrb, Side, WARM_UP};
use crate::{Percentiles, Row, median};

/// Bursts with warm caches.
const WARM_BURSTS: usize = 200;
/// Calls with cold ones, and those of a burst after an eviction.
const COLD_CALLS: usize = 2000;
const COLD_BURST: usize = 16;
/// Memory whose reading evicts everything else from L1 and L2.
const OTHER_BYTES: usize = 8 << 20;

pub fn rows() -> Vec<Row> {
    let clock = Clock::new();
    let cores = std::thread::available_parallelism().unwrap();
    println!(
        "\n  Single calls, ns, the clock's own {:.0} ns included: {CLOCK} around each. The mean is of",
        clock.own
    );
    println!(
        "  calls that no clock was read between. {cores} cores, nothing pinned: one runs the producer; the drain,"
    );
    println!("  the pool's threads and other processes share the rest.");
    println!("  {:<42} {:>8} {:>8} {:>8} {:>8} {:>10}", "", "mean", "p50", "p99", "p99.9", "max");
    let mut rows = of::<8>(&clock);
    rows.extend(of::<32>(&clock));
    rows
}

fn of<const N: usize>(clock: &Clock) -> Vec<Row> {
    let other = vec![1u64; OTHER_BYTES / 8];
    let (mut ours, mut rtrb) = (Ours::<N>::new(1), Rtrb::<N>::new());
    let ours = [warm(&mut ours, clock), cold(&mut ours, clock, &other)];
    let rtrb = [warm(&mut rtrb, clock), cold(&mut rtrb, clock, &other)];
    let name = |caches| format!("pf_try_record, {} bytes, {caches}", 8 * N);
    let [warm_name, cold_name] = ["warm", "cold"].map(name);
    print(&warm_name, &ours[0]);
    print("  rtrb", &rtrb[0]);
    print(&cold_name, &ours[1]);
    print("  rtrb", &rtrb[1]);
    let row = |name: &str, peer, pair, goal, of| {
        let row = Row::new("record/latency", name, peer, pair, "ns", goal);
        Row { percentiles: Some(of), ..row }
    };
    let [warm, cold] = ours;
    vec![
        row(&format!("{warm_name}, p99.9"), "its p50", (warm.p999, warm.p50), "<= 10", warm),
        row(&format!("{cold_name}, p50"), "rtrb", (cold.p50, rtrb[1].p50), "<= 1.5", cold),
    ]
}

fn print(name: &str, of: &Percentiles) {
    let Percentiles { mean, p50, p99, p999, max } = of;
    println!("  {name:<42} {mean:>8.1} {p50:>8.0} {p99:>8.0} {p999:>8.0} {max:>10.0}");
}

fn warm<const N: usize>(side: &mut impl Side<N>, clock: &Clock) -> Percentiles {
    let mut means: Vec<f64> = (0..WARM_BURSTS).map(|round| side.burst(BURST, round)).collect();
    let (mut ticks, mut record) = (Vec::new(), Record::new());
    for _ in 0..WARM_BURSTS {
        ticks.reserve(BURST);
        side.begin();
        for i in 0..WARM_UP + BURST {
            let record = record.fresh(i);
            let start = now();
            let taken = side.push(record);
            let took = now() - start;
            if taken && i >= WARM_UP {
                ticks.push(took);
            }
        }
        side.settle();
    }
    clock.percentiles(median(&mut means), ticks)
}

fn cold<const N: usize>(side: &mut impl Side<N>, clock: &Clock, other: &[u64]) -> Percentiles {
    let mut record = Record::new();
    let mut timed = |side: &mut _, calls| {
        black_box(other.iter().step_by(8).sum::<u64>());
        let start = now();
        for i in 0..calls {
            assert!(Side::push(side, record.fresh(i)));
        }
        now() - start
    };
    let mut ticks = Vec::new();
    let mut means = Vec::new();
    for i in 0..COLD_CALLS {
        ticks.push(timed(side, 1));
        if i % COLD_BURST == 0 {
            means.push(clock.ns(timed(side, COLD_BURST)) / COLD_BURST as f64);
        }
    }
    clock.percentiles(median(&mut means), ticks)
}

#[cfg(target_arch = "x86_64")]
const CLOCK: &str = "rdtsc between fences";
#[cfg(not(target_arch = "x86_64"))]
const CLOCK: &str = "the system's clock";

/// Ticks, once everything before is done, and before anything after begins.
#[inline(always)]
fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has both.
    unsafe {
        use std::arch::x86_64::{_mm_lfence, _rdtsc};
        _mm_lfence();
        let ticks = _rdtsc();
        _mm_lfence();
        ticks
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

struct Clock {
    ns_per_tick: f64,
    /// Nanoseconds between two looks with nothing between them.
    own: f64,
}

impl Clock {
    fn new() -> Self {
        let (start, ticks) = (Instant::now(), now());
        while start.elapsed().as_millis() < 50 {}
        let ns_per_tick = start.elapsed().as_nanos() as f64 / (now() - ticks) as f64;
        let mut nothing: Vec<f64> = (0..10_000)
            .map(|_| {
                let start = now();
                (now() - start) as f64
            })
            .collect();
        Clock { ns_per_tick, own: median(&mut nothing) * ns_per_tick }
    }

    fn ns(&self, ticks: u64) -> f64 {
        ticks as f64 * self.ns_per_tick
    }

    fn percentiles(&self, mean: f64, mut ticks: Vec<u64>) -> Percentiles {
        ticks.sort_unstable();
        let at = |share: f64| self.ns(ticks[((ticks.len() - 1) as f64 * share) as usize]);
        Percentiles { mean, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}
