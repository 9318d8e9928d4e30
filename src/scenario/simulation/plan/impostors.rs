//! [`Impostor`], and the drawing of them: those who say valid words in the name of a voter that they are not.
//!
//! A [stranger](super::Stranger) never says anything valid; an impostor says what that voter might say, and more. It is a
//! stranger, or a member that lies. The drawing has a stream of random numbers of its own: without impostors, all else is what it was.

use std::time::Duration;

use super::{Fault, Moment, faults::span, micros};
use crate::{
    election::{Epoch, Round, Zxid},
    scenario::{
        simulation::{Setup, random::Random},
        vote_file::Step,
    },
};

/// Between two words, or two attempts, an impostor waits for between half of a pause and a whole one. Pauses are at least and at most as long
/// as this, in microseconds.
const PAUSES: (u64, u64) = (10_000, 200_000);
/// The largest epoch in the mouth of an impostor that makes little of its chances; members refuse one that leaves no other.
const LARGE_EPOCH: i64 = 1_000_000;

/// Who speaks to a member in the name of a voter.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario::simulation) struct Impostor {
    /// The member that it speaks to, and the voter that it says it is, by place.
    pub(in crate::scenario::simulation) target: usize,
    pub(in crate::scenario::simulation) claims: usize,
    /// The member that it is, by place, with a certificate of its own. A stranger is none, and has none.
    pub(in crate::scenario::simulation) really: Option<usize>,
    pub(in crate::scenario::simulation) part: Part,
    /// At most this long between two words, or two attempts.
    pub(in crate::scenario::simulation) pause: Duration,
    pub(in crate::scenario::simulation) lies: Lies,
}

/// What an impostor is after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::scenario::simulation) enum Part {
    /// It agrees with its target, and follows it in any epoch.
    Follower,
    /// It has the best vote of all, and leads who dials it: while the voter does not run, it has its address.
    Leader,
}

impl Part {
    /// What it does, in words.
    pub(in crate::scenario::simulation) const fn in_words(self) -> &'static str {
        match self {
            Self::Follower => "follows",
            Self::Leader => "leads",
        }
    }
}

/// What an impostor says that it cannot have overheard.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario::simulation) struct Lies {
    /// It has overheard on which directory the voter runs, and says that it does; else it makes one up.
    pub(in crate::scenario::simulation) knows_directory: bool,
    /// How much newer than the voter's its epochs are.
    pub(in crate::scenario::simulation) epochs_ahead: i64,
    pub(in crate::scenario::simulation) zxid: Zxid,
    /// The round of its votes; `None` for that of its target.
    pub(in crate::scenario::simulation) round: Option<Round>,
    /// Up to which epoch those that the voter has led in are over, as it says.
    pub(in crate::scenario::simulation) ended: Epoch,
}

/// The impostors of this seed. When they come and go is added to the faults.
pub(super) fn draw(
    setup: &Setup,
    steps: &[Step],
    seed: u64,
    faults: &mut Vec<(Moment, Fault)>,
) -> Vec<Impostor> {
    let mut random = Random::new(seed, 7);
    let mut company: Vec<_> = steps.iter().map(|step| micros(step.at)).collect();
    let mut impostors = Vec::new();
    for number in 0..usize::from(setup.faults.impostors) {
        let Some(impostor) = impostor(setup, &mut random) else { break };
        impostors.push(impostor);
        let (at, end) = span(&mut random, micros(setup.faults.until), &company);
        company.extend([at, end]);
        let mut add = |at, fault| faults.push((Moment::from(Duration::from_micros(at)), fault));
        add(at, Fault::ImpostorComes(number));
        add(end, Fault::ImpostorLeaves(number));
    }
    impostors
}

/// `None` if there is no voter beside another member.
fn impostor(setup: &Setup, random: &mut Random) -> Option<Impostor> {
    let members = 0..setup.members.len();
    let is_voter = |place: &usize| setup.ensemble.is_voter(setup.members[*place].id);
    let voters: Vec<_> = members.clone().filter(is_voter).collect();
    let claims = *voters.get(random.index(voters.len()))?;
    let mut others: Vec<_> = members.filter(|place| *place != claims).collect();
    if others.is_empty() {
        return None;
    }
    let target = others.swap_remove(random.index(others.len()));
    let liar = others.get(random.index(others.len())).copied();
    let part = if random.chance(600) { Part::Follower } else { Part::Leader };
    Some(Impostor {
        target,
        claims,
        really: liar.filter(|_| random.chance(500)),
        part,
        pause: Duration::from_micros(random.between(PAUSES.0, PAUSES.1)),
        lies: lies(random),
    })
}

fn lies(random: &mut Random) -> Lies {
    let mut one_of = |choices: [i64; 4]| choices[random.index(choices.len())];
    let epochs_ahead = one_of([0, 0, 1, LARGE_EPOCH]);
    let zxid = Zxid(one_of([0, 0x1_0000_0000, i64::MAX, -1]));
    let round = one_of([0, 1, 1_000, i64::MAX]);
    let ended = Epoch(one_of([0, 0, 1, LARGE_EPOCH]));
    Lies {
        knows_directory: random.chance(500),
        epochs_ahead,
        zxid,
        round: random.chance(200).then_some(Round(round)),
        ended,
    }
}
