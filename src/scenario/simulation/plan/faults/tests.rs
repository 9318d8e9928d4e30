//! How clocks are slewed.

use super::*;
use crate::scenario::{simulation::plan::Plan, vote_file::VoteFile};

#[test]
fn clocks_are_slewed_either_way_and_only_forward_close_to_a_sleep() {
    let text = r#"{ "members": [{ "id": 1 }, { "id": 2 }], "timing": { "lease_ms": 1000 },
        "faults": { "until_ms": 8000, "suspends": 1, "slews": 4 } }"#;
    let setup = Setup::new(&VoteFile::parse("slews", text).unwrap());
    let (mut slower, mut faster, mut most) = (0, 0, 0);
    for seed in 0..200 {
        let faults = Plan::new(&setup, seed).faults;
        let when = |is: &dyn Fn(Fault) -> bool| {
            let found = faults.iter().find(|(_, fault)| is(*fault));
            found.map(|(at, _)| at.since_start())
        };
        for slept in 0..2 {
            let sleeps = when(&|fault| fault == Fault::Suspend(slept));
            for (at, fault) in &faults {
                let Fault::Slew(member, ppm) = *fault else { continue };
                most += usize::from(ppm.unsigned_abs() == SLEW_MAX);
                if ppm < 0
                    && member == slept
                    && let Some(sleeps) = sleeps
                {
                    let apart = at.since_start().abs_diff(sleeps);
                    assert!(apart > Duration::from_secs(2), "seed {seed}: {apart:?}");
                }
                (slower, faster) =
                    if ppm < 0 { (slower + 1, faster) } else { (slower, faster + 1) };
            }
        }
    }
    assert!(slower > 200 && faster > slower && most > 200, "{slower}, {faster}, {most}");
}
