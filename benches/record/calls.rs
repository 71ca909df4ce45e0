//! What a call costs its producer, warm: the means of bursts.

use super::sides::{BURST, Copy, Ours, Rtrb, Side, Ticklog};
use crate::{Row, median};

const ROUNDS: usize = 400;

pub fn rows() -> Vec<Row> {
    let mut ticklog = Ticklog::new();
    let mut rows = of::<8>(&mut ticklog);
    rows.extend(of::<32>(&mut ticklog));
    rows
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
