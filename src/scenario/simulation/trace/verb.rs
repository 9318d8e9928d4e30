//! [`Verb`]: the words of a trace, and what they mean. The legend of the command comes from here.

// One entry a verb: its name, its word, and what that means.
macro_rules! verbs {
    ($($name:ident = $word:literal: $meaning:literal,)*) => {
        /// What a line of a trace tells, as in its third column. Words in capitals matter most.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Verb {
            $(
                #[doc = concat!("`", $word, "`: ", $meaning)]
                $name,
            )*
        }

        impl Verb {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that stands in the trace.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

verbs! {
    Step = "STEP": "a step of the file, or one that its faults add",
    Break = "BREAK": "the connections between two members break",
    Dark = "DARK": "from one member to another nothing gets through",
    Light = "LIGHT": "it does again",
    Hangs = "HANGS": "the member does nothing for a while",
    Suspends = "SUSPENDS": "the machine of the member stands still for a while, and its clock with it",
    Paused = "PAUSED": "its machine is paused by its host, and all its clocks stand still",
    Reboots = "REBOOTS": "its machine starts anew, and its clocks with it",
    Slews = "SLEWS": "a time daemon lets one of its clocks go faster or slower, or as before",
    Asked = "ASKED": "it is asked to resign, and what it answers",
    Rests = "RESTS": "its work has failed, and it would not lead for a while",
    Rested = "RESTED": "it would lead again",
    Stuck = "STUCK": "its work does not end for a while, told or killed",
    Free = "FREE": "its work can end again",
    Unwell = "UNWELL": "its work fails its health checks, so it is asked to resign",
    LeftBehind = "LEFT BEHIND": "its process is gone, and its work goes on",
    Wakes = "WAKES": "it goes on",
    Freezes = "FREEZES": "the member does nothing for good, and stays connected",
    Replaced = "REPLACED": "another instance takes its place elsewhere",
    Ends = "ENDS": "the frozen instance is killed",
    Stranger = "STRANGER": "somebody connects in the name of a member",
    Leaves = "LEAVES": "the stranger is gone",
    Impostor = "IMPOSTOR": "somebody begins to say valid words in the name of a voter",
    Believes = "BELIEVES": "the member takes an impostor for the voter that it says it is",
    Unmasks = "UNMASKS": "the member turns an impostor away: its certificate is not that of the voter",
    Starts = "starts": "the member has lost its disk",
    Moves = "moves": "it has another address",
    Vanishes = "vanishes": "it is killed, and nobody is told",
    Looks = "looks": "a round of the election begins",
    Decides = "DECIDES": "how the election ended",
    SaysTo = "says to": "what is said, and to whom",
    Hears = "hears": "what is said, and by whom",
    PassesOver = "passes over": "a frame of a link that was replaced",
    Dials = "dials": "an attempt to connect to a lower id",
    KnocksAt = "knocks at": "an attempt to be dialled by a higher id",
    LinkUp = "link up": "a link begins",
    LinkDown = "link down": "a link ends",
    Doubts = "doubts": "the peer seems to have another link, or none: what was said last is said again, and it is asked for a sign of life",
    Misses = "misses": "a peer that cannot be reached",
    CannotDial = "cannot dial": "a peer that has knocked, and cannot be reached",
    Joins = "joins": "a session with the elected leader is tried",
    Tells = "tells": "what a leader says to a learner, but for its heartbeats",
    Answers = "answers": "what a learner says to a leader, but for its heartbeats",
    Stores = "stores": "a record is on its way to the disk",
    Stored = "stored": "it is on the disk",
    StoreFails = "store fails": "it could not be written, as the disk is full",
    SyncFails = "sync fails": "its disk has failed, and the member ends",
    Stalls = "STALLS": "the disk takes nothing in for a while",
    Flows = "FLOWS": "it does again",
    Leads = "LEADS": "an epoch has begun",
    Follows = "FOLLOWS": "a leader whose epoch has begun, or watches it",
    Lost = "LOST": "it leads or follows no more, and why",
    Retires = "retires": "a leader begins to give its epoch up",
    HandsOver = "hands over": "a leader whose epoch has ended says who is to lead next",
    Waits = "waits": "a new ensemble waits for voters that were never seen",
    Founds = "founds": "its epoch was begun by all voters, as these had no memory",
    Lacks = "lacks": "a leader whose epoch has begun, and that leads in it only with more promises",
    Awaits = "awaits": "a voter that gives its word when its promise to another leader is over",
    GivesUp = "gives up": "nothing has come of the election of a leader",
    TurnsAway = "turns away": "a learner, and why",
    Recorded = "recorded": "its ensemble knows its disk from now on",
    Works = "works": "work begins that goes on only while its leader leads",
    WorkEnds = "work ends": "it has ended",
    Overlaps = "OVERLAPS": "two leases run at one time, as may be where machines were paused with their clocks",
    Stands = "stands": "it stands for election again",
    Withdraws = "withdraws": "it does not stand for election for a while",
    Timer = "timer": "a timer of the election",
    Unmet = "UNMET": "something expected is not so",
    Broken = "BROKEN": "a rule does not hold; nothing happens after that",
}

impl Verb {
    /// Whether it is one of those that matter most.
    pub fn is_loud(self) -> bool {
        self.word().bytes().all(|byte| byte.is_ascii_uppercase())
    }

    /// The verb of this line of a trace.
    pub fn of_line(line: &str) -> Option<Self> {
        let what = line.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let begins = |verb: &&Self| {
            let rest = what.strip_prefix(verb.word());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        Self::ALL.iter().find(begins).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_its_verb() {
        let verb = |line| Verb::of_line(line);
        assert_eq!(verb("     0.000    -  STEP        start 1, 2"), Some(Verb::Step));
        assert_eq!(verb("     0.104    2  passes over 1#3: an older link"), Some(Verb::PassesOver));
        assert_eq!(verb("    12.000   17  HANGS"), Some(Verb::Hangs));
        assert_eq!(verb("    12.000   17  sings"), None);
        assert!(Verb::Decides.is_loud() && !Verb::SaysTo.is_loud());
    }
}
