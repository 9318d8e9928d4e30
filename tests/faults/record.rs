//! [`Record`]: what one process has said so far, checked line by line.

use serde_json::Value;

/// What a member takes the state of things to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Belief {
    /// It has just started.
    Nothing,
    /// It looks for a leader, in this round.
    Looking { round: i64 },
    /// It has elected this one.
    Elected { leader: u64, round: i64, leads: bool },
}

/// The beliefs of one process, from its start to its end.
#[derive(Debug)]
pub(crate) struct Record {
    id: u64,
    voters: u64,
    pub(crate) belief: Belief,
    pub(crate) elections: u64,
    pub(crate) stopped: bool,
}

impl Record {
    pub(crate) fn new(id: u64, voters: u64) -> Self {
        Self { id, voters, belief: Belief::Nothing, elections: 0, stopped: false }
    }

    /// Takes in one line, and says which invariant it breaks, if any.
    pub(crate) fn read(&mut self, event: &Value) -> Result<(), String> {
        ensure(event["id"] == self.id, "it speaks for another id")?;
        ensure(event["at_ms"].is_number(), "an event has no time")?;
        ensure(!self.stopped, "something happened after it stopped")?;
        if event["again"] == true {
            return self.again(event);
        }
        match event["event"].as_str() {
            Some("looking") => self.looking(event),
            Some("elected") => self.elected(event),
            Some("stopped") => {
                self.stopped = true;
                Ok(())
            }
            Some(_) => Ok(()),
            None => Err("an event has no name".to_owned()),
        }
    }

    /// After lines that were left out, how things stand is said again: elections are never left out.
    fn again(&self, event: &Value) -> Result<(), String> {
        let same = match self.belief {
            // What is said of epochs is looked at elsewhere.
            _ if matches!(event["event"].as_str(), Some("leading" | "following")) => true,
            Belief::Nothing => false,
            Belief::Looking { round } => event["event"] == "looking" && event["round"] == round,
            Belief::Elected { leader, .. } => {
                event["event"] == "elected" && event["leader"] == leader
            }
        };
        ensure(same, "what it says again is not what it said")
    }

    fn looking(&mut self, event: &Value) -> Result<(), String> {
        let round = event["round"].as_i64().ok_or("looking without a round")?;
        match self.belief {
            Belief::Looking { round: before } => {
                ensure(round > before, "an election moved on to a round that is not newer")?;
            }
            // A better vote that came too late takes the same round up again.
            Belief::Elected { round: before, .. } => {
                ensure(round >= before, "a new election is in an older round")?;
            }
            Belief::Nothing => {}
        }
        self.belief = Belief::Looking { round };
        Ok(())
    }

    fn elected(&mut self, event: &Value) -> Result<(), String> {
        let leader = event["leader"].as_u64().ok_or("elected without a leader")?;
        let round = event["round"].as_i64().ok_or("elected without a round")?;
        let leads = match event["state"].as_str() {
            Some("leading") => true,
            Some("following") => false,
            state => return Err(format!("a voter is in state {state:?}")),
        };
        ensure((1..=self.voters).contains(&leader), "the elected one is no voter")?;
        ensure(leads == (leader == self.id), "who leads and who was elected are not the same")?;
        let Belief::Looking { round: looked } = self.belief else {
            return Err("elected without looking".to_owned());
        };
        // Only who joins a leader that others elected may go back to their round.
        ensure(!leads || round >= looked, "a leader was elected in a round that was over")?;
        self.elections += 1;
        self.belief = Belief::Elected { leader, round, leads };
        Ok(())
    }
}

pub(crate) fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
