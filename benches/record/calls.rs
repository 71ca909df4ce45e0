//! What a call costs its producer, warm: the means of bursts.

use super::sides::{BURST, Copy, Ours, RING, Rtrb, Side, Ticklog};
use crate::{Row, median};

const TURNS: usize = 25;
/// Bursts of a turn.
const BURSTS: usize = 16;

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
    let mut plain = |round| plain.burst(BURST, round);
    let mut stamped = |round| stamped.burst(BURST, round);
    let mut in_file = |round| in_file.burst(BURST, round);
    let [plain, stamped, in_file] = in_turn(64, [&mut plain, &mut stamped, &mut in_file]);
    let row = |name, peer, pair, goal| Row::new("record/calls", name, peer, pair, "ns/record", goal);
    [
        row("a capture time, in a record's cost", "the goal", (stamped - plain, 10.0), "<= 1"),
        row("pf_try_record, 64 bytes, lane in a file", "lane in memory", (in_file, plain), "<= 1.1"),
    ]
}

/// Of records of `N` numbers.
fn of<const N: usize>(ticklog: &mut Ticklog) -> Vec<Row> {
    let (mut ours, mut rtrb, mut copy) = (Ours::<N>::new(1), Rtrb::<N>::new(), Copy::<N>::new());
    let sides: [&mut dyn FnMut(usize) -> f64; 4] = [
        &mut |round| ours.burst(BURST, round),
        &mut |round| rtrb.burst(BURST, round),
        &mut |round| Side::<N>::burst(ticklog, BURST, round),
        &mut |round| copy.burst(BURST, round),
    ];
    let [ours, rtrb, ticklog, copy] = in_turn(8 * N, sides);
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

/// Runs all sides in turn with records of `size` bytes; returns the medians of their bursts. Those of a first turn do
/// not count, nor does each turn's first way through a ring: other sides have had the caches.
fn in_turn<const M: usize>(size: usize, mut sides: [&mut dyn FnMut(usize) -> f64; M]) -> [f64; M] {
    let cold = RING / (size * BURST);
    let mut figures: [Vec<f64>; M] = std::array::from_fn(|_| Vec::new());
    for turn in 0..=TURNS {
        for (side, figures) in sides.iter_mut().zip(&mut figures) {
            for burst in 0..cold + BURSTS {
                let figure = side(burst);
                if turn > 0 && burst >= cold {
                    figures.push(figure);
                }
            }
        }
    }
    figures.map(|mut figures| median(&mut figures))
}
