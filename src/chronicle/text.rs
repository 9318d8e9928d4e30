//! [`text`]: a change in words, for people. Programs have the [`Change`] itself, as JSON.

use std::time::Duration;

use ballotbox_actors::kit::Rounded;
use ballotbox_core::election::Zxid;

use super::{
    Absence, By, Cause, Change, End, HeldUp, NotCounted, NotWaitedFor, Proposal, Stage, VoteFor,
    VoteHeard, VoteResult, VoterState, Wait, WordFault,
};

/// No line is longer, unless a word is.
const WIDTH: usize = 79;
/// Where a line begins, after what it is about.
pub(crate) const INDENT: usize = 15;

/// A space at which no line ends.
const UNBROKEN: char = '\u{a0}';

/// How this change came about in words, as the member `me` has seen it: a heading, and lines about one thing each.
pub fn text(change: &Change, me: u64) -> String {
    let mut page = Page { text: String::new(), me };
    page.wrapped("", 3, &heading(change));
    if let Some(end) = &change.ended {
        page.entry("before", "", &page.end(end, change.by));
    }
    if change.fruitless > 0 {
        page.entry("in vain", "", &in_vain(change));
    }
    page.votes(change);
    page.list("not awaited", &change.not_waited_for, absence);
    page.list("held up by", &change.held_up_by, wait);
    if let Some(proposal) = &change.epoch {
        page.epoch(proposal);
    }
    if change.members_left_out > 0 {
        page.entry("", "", &format!("{} members are not named here", change.members_left_out));
    }
    if !change.steps.is_empty() {
        page.entry("times", "", &times(change));
    }
    page.text
}

/// `Change 3, 2026-11-25T13:55:21.123Z: 2 leads in epoch 4, elected in round 5`
fn heading(change: &Change) -> String {
    let when = match &change.time {
        Some(time) => time.clone(),
        None => format!("at {:.1} ms", change.at.as_secs_f64() * 1000.0),
    };
    let round = change.round.map_or_else(String::new, |round| format!(" in round {round}"));
    let epoch = change.epoch.as_ref().map(|proposal| proposal.value);
    let what = match (change.leader, epoch, change.by) {
        (None, _, Some(_)) => format!("nobody leads yet, after an election{round}"),
        (None, _, None) => format!("a leader is looked for{round}"),
        (Some(leader), None, _) => format!("{leader} is elected{round}"),
        (Some(leader), Some(epoch), by) => {
            let how = match by {
                Some(By::Election) => format!(", elected{round}"),
                Some(By::Joining) => format!(", which a quorum followed before, elected{round}"),
                Some(By::Nomination) => format!(", nominated{round}"),
                None => String::new(),
            };
            format!("{leader} leads in epoch {epoch}{how}")
        }
    };
    format!("Change {}, {when}: {what}", change.number)
}

fn in_vain(change: &Change) -> String {
    let mut text = match change.fruitless {
        1 => "an election came to nothing".to_owned(),
        more => format!("{more} elections came to nothing"),
    };
    if let Some(why) = &change.came_to_nothing {
        text += if change.fruitless == 1 { ": " } else { "; the last one: " };
        text += why;
    }
    text
}

fn absence(absent: &NotWaitedFor) -> String {
    let id = absent.id;
    match (absent.why, absent.votes_for) {
        (Absence::OutOfReach, _) => format!("{id} cannot be reached"),
        (Absence::LinkLost, _) => format!("{id} was not reached again since its link was lost"),
        (Absence::Silent, _) => format!("{id} is there, and said nothing in this round in time"),
        (Absence::NeverHeard, _) => format!("{id} was never heard"),
        (Absence::VotesForAnother, Some(other)) => format!("{id} votes for {other}"),
        (Absence::VotesForAnother, None) => format!("{id} votes for another one"),
    }
}

fn wait(held_up: &HeldUp) -> String {
    let id = held_up.id;
    match held_up.why {
        Wait::NotSeen => format!("{id}, as a new ensemble begins when all voters were seen once"),
        Wait::Bound => format!("{id}, {}", bound(held_up.to, held_up.rest)),
        Wait::DoesNotPromise => format!("{id}, which does not promise what a lease needs"),
    }
}

fn bound(to: Option<u64>, rest: Option<Duration>) -> String {
    let to = to.map_or_else(|| "an earlier leader".to_owned(), |to| to.to_string());
    let rest = rest.map_or_else(String::new, |rest| format!(" for {}", Rounded(rest)));
    format!("bound to {to}{rest}")
}

fn word_fault(word: &NotCounted) -> String {
    let why = match word.why {
        WordFault::Observer => "an observer has none to give".to_owned(),
        WordFault::WeightZero => "its vote weighs 0".to_owned(),
        WordFault::PromisedBefore => {
            "-1: it had promised to this epoch or a newer one before".to_owned()
        }
        WordFault::Amnesiac => "its directory is new or was wiped, an amnesiac".to_owned(),
        WordFault::NotNoted => "it had not answered by then".to_owned(),
        WordFault::Bound => bound(word.to, word.rest),
        WordFault::Withheld => "work of an earlier epoch, or a promise, holds it back".to_owned(),
        WordFault::NotOnDisk => "it did not have the epoch on disk by then".to_owned(),
        WordFault::CountsNowhere => {
            "it is an amnesiac, or has promised to a newer epoch".to_owned()
        }
    };
    format!("{}: {why}", word.id)
}

/// `looking 0.0, elected 1.2, leading 3.4 ms`
fn times(change: &Change) -> String {
    let step = |step: &super::Step| {
        let what = match step.what {
            Stage::Retiring => "giving up",
            Stage::Lost => "lost",
            Stage::Looking => "looking",
            Stage::Elected => "elected",
            Stage::Proposed => "epoch proposed",
            Stage::Noted => "noted by a quorum",
            Stage::Begun => "on their disks",
            Stage::Leading => "leading",
            Stage::Following => "following",
        };
        format!("{what} {:.1}", since(change, step.at)).replace(' ', "\u{a0}")
    };
    let steps: Vec<_> = change.steps.iter().map(step).collect();
    format!("{}\u{a0}ms", steps.join(", "))
}

/// In milliseconds, since the change began.
fn since(change: &Change, at: Duration) -> f64 {
    at.saturating_sub(change.at).as_secs_f64() * 1000.0
}

/// What is written, line by line, for this member.
struct Page {
    text: String,
    me: u64,
}

impl Page {
    /// A line about something, with a beginning that stands as it is.
    fn entry(&mut self, about: &str, lead: &str, text: &str) {
        let first = format!("   {about:<0$}{lead}", INDENT - 3);
        self.wrapped(&first, INDENT + lead.chars().count(), text);
    }

    /// A text that goes on in the next lines, with an indent, where it is too long.
    fn wrapped(&mut self, first: &str, indent: usize, text: &str) {
        let mut line = first.to_owned();
        let mut is_empty = true;
        for word in text.split(' ') {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line = " ".repeat(indent);
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(&word.replace(UNBROKEN, " "));
            is_empty = false;
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn list<T>(&mut self, about: &str, list: &[T], words: impl Fn(&T) -> String) {
        for (n, one) in list.iter().enumerate() {
            self.entry(if n == 0 { about } else { "" }, "", &words(one));
        }
    }

    /// A member; the one that tells this is itself.
    fn name(&self, id: u64) -> String {
        if id == self.me { format!("{id} (itself)") } else { id.to_string() }
    }

    fn end(&self, End { leader, epoch, cause }: &End, by: Option<By>) -> String {
        let leader = leader.map_or_else(|| "a leader".to_owned(), |leader| self.name(leader));
        match epoch {
            // A follower is told no more than that it is over, and who is next.
            Some(epoch) if by == Some(By::Nomination) && *cause == Cause::LeaderLost => {
                format!("{leader} led in epoch {epoch}: it has given that up")
            }
            Some(epoch) => format!("{leader} led in epoch {epoch}: {cause}"),
            None => format!("{leader} was elected: {cause}"),
        }
    }

    fn votes(&mut self, change: &Change) {
        if change.by == Some(By::Nomination) {
            self.entry("votes", "", "none: the leader before has said who comes next");
        }
        for (n, vote) in change.votes.iter().enumerate() {
            let lead = format!("{:>6.1} ms  ", since(change, vote.at));
            let words = vote_heard(vote, change.round);
            self.entry(if n == 0 { "votes" } else { "" }, &lead, &words);
        }
        if change.votes_left_out > 0 {
            self.entry("", "           ", &format!("and {} more", change.votes_left_out));
        }
        if change.waited {
            self.entry("", "           ", "then no better one came in time");
        }
    }

    fn epoch(&mut self, proposal: &Proposal) {
        let by = self.name(proposal.proposed_by);
        self.entry("epoch", "", &format!("{}, proposed by {by}", proposal.value));
        if !proposal.counted.is_empty() {
            let counted: Vec<_> = proposal.counted.iter().map(|id| self.name(*id)).collect();
            self.entry("counted", "", &counted.join(", "));
        }
        self.list("not counted", &proposal.not_counted, word_fault);
    }
}

fn vote_heard(heard: &VoteHeard, round: Option<i64>) -> String {
    let from = heard.from;
    let in_round = if Some(heard.round) == round && !heard.newer_round {
        String::new()
    } else {
        let newer = if heard.newer_round { ", a newer one" } else { "" };
        format!(" in round {}{newer}", heard.round)
    };
    let Some(vote) = heard.vote.filter(|_| heard.result != VoteResult::ForNobody) else {
        return format!("{from} votes for nobody{in_round}");
    };
    let verb = match heard.state {
        VoterState::Looking if vote.leader == from => "votes for itself".to_owned(),
        VoterState::Looking => format!("votes for {}", vote.leader),
        VoterState::Following => format!("follows {}", vote.leader),
        VoterState::Leading if vote.leader == from => "leads".to_owned(),
        VoterState::Leading => format!("was elected, for {}", vote.leader),
    };
    let history = history(&vote);
    let against = heard.against.map_or_else(
        || "nobody".to_owned(),
        |ours| {
            let told = if ours.leader == vote.leader { "an older vote for " } else { "" };
            format!("{told}{} ({})", ours.leader, self::history(&ours))
        },
    );
    let result = match heard.result {
        VoteResult::Own | VoteResult::Settled | VoteResult::ForNobody => String::new(),
        VoteResult::Beats => format!(": beats {against}"),
        VoteResult::Equals => ": the same as ours".to_owned(),
        VoteResult::Loses => format!(": loses to {against}"),
        VoteResult::OlderRound => ": an older round".to_owned(),
        VoteResult::NotCounted => ": not counted".to_owned(),
    };
    format!("{from} {verb} ({history}){in_round}{result}")
}

/// What speaks for a candidate. Between nodes of ours alone, no history has changes.
fn history(vote: &VoteFor) -> String {
    match vote.zxid {
        0 => format!("epoch {}", vote.epoch),
        zxid => format!("epoch {}, zxid {}", vote.epoch, Zxid(zxid)),
    }
}
