//! How much of the machine others use meanwhile: a run beside a busy neighbour says little.

use std::fs;
use std::time::Instant;

/// Of the times in /proc.
const TICKS_PER_SECOND: f64 = 100.0;

/// The CPU time of the machine and of these processes, from here on.
pub struct Load {
    processes: Vec<u32>,
    since: Instant,
    all: f64,
    own: f64,
}

impl Load {
    pub fn new(processes: Vec<u32>) -> Self {
        Load { since: Instant::now(), all: all(), own: own(&processes), processes }
    }

    /// Cores that others have used, in the mean; what the hypervisor took away is among them.
    pub fn of_others(&self) -> f64 {
        let others = (all() - self.all) - (own(&self.processes) - self.own);
        others.max(0.0) / self.since.elapsed().as_secs_f64()
    }
}

/// Seconds that the CPUs were not idle.
fn all() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<f64> =
        stat.lines().next().unwrap().split_whitespace().skip(1).map(|t| t.parse().unwrap()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is in user already.
    (ticks[..3].iter().sum::<f64>() + ticks[5..8].iter().sum::<f64>()) / TICKS_PER_SECOND
}

fn own(processes: &[u32]) -> f64 {
    let seconds = |process| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // Fields 14 and 15; the second is a name in parentheses.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
    };
    processes.iter().map(seconds).sum()
}
