//! What a call costs its producer, warm: the means of bursts.

use super::sides::{BURST, Copy, Ours, Rtrb, Side, Ticklog};
use crate::{Row, median};

const ROUNDS: usize = 400;

pub fn rows() -> Vec<Row> {
    let mut ticklog = Ticklog::new();
    let mut rows = of::<8>(&mut ticklog);
    rows.extend(of::<32>(&mut ticklog));
    rows.extend(options());
    rows
}

/// What a stamp costs, and a lane that outlives the process.
fn options() -> [Row; 2] {
    let (mut plain, mut stamped, mut in_file) =
        (Ours::<8>::new(1), Ours::<8>::stamped(), Ours::<8>::in_file());
    let sides: [&mut dyn FnMut() -> f64; 3] =
        [&mut || plain.burst(BURST), &mut || stamped.burst(BURST), &mut || in_file.burst(BURST)];
    let [plain, stamped, in_file] = in_turn(ROUNDS, sides);
    let row = |name, peer, pair, goal| Row::new("record/calls", name, peer, pair, "ns/record", goal);
    [
        row("a capture time, in a record's cost", "the goal", (stamped - plain, 10.0), "<= 1"),
        row("pf_try_record, 64 bytes, lane in a file", "lane in memory", (in_file, plain), "<= 1.1"),
    ]
}

/// Of records of `N` numbers.
fn of<const N: usize>(ticklog: &mut Ticklog) -> Vec<Row> {
    let (mut ours, mut rtrb, mut copy) = (Ours::<N>::new(1), Rtrb::<N>::new(), Copy::<N>::new());
    let sides: [&mut dyn FnMut() -> f64; 4] = [
        &mut || ours.burst(BURST),
        &mut || rtrb.burst(BURST),
        &mut || Side::<N>::burst(ticklog, BURST),
        &mut || copy.burst(BURST),
    ];
    let [ours, rtrb, ticklog, copy] = in_turn(ROUNDS, sides);
    let row = |peer, theirs, goal| {
        let name = format!("pf_try_record, {} bytes, warm", 8 * N);
        Row::new("record/calls", &name, peer, (ours, theirs), "ns/record", goal)
    };
    vec![
        row("rtrb", rtrb, "<= 1.0"),
        row("ticklog", ticklog, "<= 1.0"),
        row("copy, L1-resident", copy, "<= 1.5"),
    ]
}

/// Runs all sides in turn, `rounds` times after one that warms up; returns the medians.
fn in_turn<const M: usize>(rounds: usize, mut sides: [&mut dyn FnMut() -> f64; M]) -> [f64; M] {
    let mut figures: [Vec<f64>; M] = std::array::from_fn(|_| Vec::new());
    for round in 0..=rounds {
        for (side, figures) in sides.iter_mut().zip(&mut figures) {
            let figure = side();
            if round > 0 {
                figures.push(figure);
            }
        }
    }
    figures.map(|mut figures| median(&mut figures))
}
