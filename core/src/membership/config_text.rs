//! [`ConfigText`]: the member list as servers tell it each other, inside notifications and `NEWLEADER`.
//!
//! Servers elect together only if they mean the same ensemble. So each notification carries the sender's member list
//! as text, and its version. We write it as a real server does, read what others send, and compare as sets, never as
//! text: the order of the lines follows a hash table, and with several addresses a server the pairing of the ports
//! is not reliable either.
//!
//! | line | meaning |
//! | --- | --- |
//! | `server.N=host:quorum:election:role[;host:client]` | one member, see [`ServerLine`] |
//! | `group.N=id:id…` | a group of a hierarchical quorum |
//! | `weight.N=number` | what the vote of server N weighs, 1 if not said |
//! | `version=hex` | of the whole list, last line, without a line end |
//!
//! The syntax is that of Java properties. The same lines stand in a zoo.cfg, and its reader takes its members from here.

mod difference;
mod membership;
mod oddity;
mod server_line;

use std::{collections::BTreeMap, fmt};

pub use self::{
    difference::{Difference, Disagreement, PortKind},
    oddity::Oddity,
    server_line::{ServerLine, ServerLineError, may_be_a_name},
};
pub use crate::membership::{properties::SyntaxError, slip::Slip};
use crate::{
    ServerId, UntrustedText,
    membership::{
        GroupId, java,
        properties::{self, Entry},
    },
};

/// How many members a list may have.
pub const MEMBERS_MAX: usize = 255;

/// The version of a member list; every reconfiguration makes a larger one. Written in hexadecimal.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConfigVersion(pub i64);

impl ConfigVersion {
    /// The version written as these hexadecimal digits, or `None` if they are none or exceed 2^63 - 1.
    pub fn from_hex(digits: &str) -> Option<Self> {
        java::hexadecimal(digits).filter(|number| *number >= 0).map(Self)
    }
}

impl fmt::Display for ConfigVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A member list with its version. `Display` writes it as a real server would.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ConfigText {
    /// The members.
    pub servers: BTreeMap<ServerId, ServerLine>,
    /// Which group a voter is in; empty without groups.
    pub groups: BTreeMap<ServerId, GroupId>,
    /// What votes weigh, where that was said.
    pub weights: BTreeMap<ServerId, u64>,
    /// Which version of the list this is.
    pub version: ConfigVersion,
}

/// Why a text is no member list.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigTextError {
    /// It is not even properties.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A line is not what its key promises.
    #[error("line {line}: {error}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: LineError,
    },
    /// There is no member.
    #[error("there is no member: expected lines `server.N=host:port:port`")]
    NoServer,
}

/// Why a line is not what its key promises.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum LineError {
    /// The part behind the dot of `server.N`, `group.N` or `weight.N` is no number.
    #[error("`{key}` has no valid number: expected {kind}.N with N from 0 to {}", ServerId::MAX)]
    Key {
        /// The key as found.
        key: UntrustedText,
        /// `server`, `group` or `weight`.
        kind: &'static str,
    },
    /// A number that real servers take, and that we have no room for.
    #[error("{number} is out of range: expected a number from 0 to {}", ServerId::MAX)]
    Range { number: i64 },
    /// What is said of a server cannot be read.
    #[error("server {id}: {error}{}", because(slip.as_ref()))]
    Server {
        id: ServerId,
        /// What is wrong.
        error: ServerLineError,
        /// What got into the line, if that is clear.
        slip: Option<Slip>,
    },
    /// Another line says something of the same server, written differently, as in `server.1` and `server.01`.
    #[error("`{key}` repeats an earlier line in other digits: expected every number once")]
    Repeated {
        /// The key as found.
        key: UntrustedText,
    },
    /// A group names what is no id.
    #[error("group {group} names `{found}`, which is no server id: expected ids as in 1:2:3")]
    GroupMember {
        /// The number of the group.
        group: u64,
        found: UntrustedText,
    },
    /// Two groups claim a server.
    #[error("server {id} is in group {first} and in group {second}: expected one group")]
    TwoGroups {
        id: ServerId,
        /// The group that claimed it first.
        first: u64,
        /// The group that claims it too.
        second: u64,
    },
    /// A weight is no number.
    #[error("the weight of server {id} is `{found}`: expected a number from 0 to {}", i64::MAX)]
    Weight { id: ServerId, found: UntrustedText },
    /// The version is no hexadecimal number.
    #[error("the version is `{found}`: expected a hexadecimal number from 0 to {:x}", i64::MAX)]
    Version { found: UntrustedText },
    /// There are too many members.
    #[error("more than {MEMBERS_MAX} servers, groups or weights: expected at most {MEMBERS_MAX}")]
    TooMany,
}

impl LineError {
    /// Whether real servers of 3.8 and 3.9 refuse it as well.
    pub fn refused_by_real_servers(&self) -> bool {
        match self {
            Self::Server { error, .. } => error.refused_by_real_servers(),
            Self::Range { .. } | Self::Repeated { .. } | Self::TooMany => false,
            Self::Key { .. }
            | Self::GroupMember { .. }
            | Self::TwoGroups { .. }
            | Self::Weight { .. }
            | Self::Version { .. } => true,
        }
    }
}

/// How the value of a server is read.
type ReadServer = fn(&str) -> Result<(ServerLine, Vec<Oddity>), ServerLineError>;

impl ConfigText {
    /// Reads a text another server sent: lines in any order, unknown keys skipped, without a version 0.
    ///
    /// # Errors
    ///
    /// [`ConfigTextError`], naming the line.
    pub fn parse(text: &str) -> Result<Self, ConfigTextError> {
        let mut config = Self::default();
        // One line at a time: what is kept are members, not what else a peer may have written.
        for entry in properties::entries(text) {
            let entry = entry?;
            let line = entry.line;
            // A real server has put its list in order before it tells it.
            let odd = &mut Vec::new();
            let applied = config.apply_line(&entry, ServerLine::read_sent, odd);
            applied.map_err(|error| ConfigTextError::Line { line, error })?;
        }
        if config.servers.is_empty() {
            return Err(ConfigTextError::NoServer);
        }
        Ok(config)
    }

    /// In what this list, ours, differs from another one; `None` if both mean the same.
    ///
    /// Ids, roles, ports, weights, groups and versions are compared strictly. Hosts are not: a name may stand for an
    /// address, and only a resolver could tell. So hosts differ only if both are address literals, neither of them
    /// a wildcard. Client addresses are not compared.
    pub fn difference(&self, theirs: &Self) -> Option<Difference> {
        Difference::between(self, theirs)
    }

    /// Takes in one line of a list, and says whether it was one: other keys are left to the caller. What is odd about
    /// the line goes to `odd`.
    ///
    /// # Errors
    ///
    /// When the line is a member, a group, a weight or a version, and cannot be read, contradicts an earlier line, or is one
    /// too many.
    pub fn apply(&mut self, entry: &Entry, odd: &mut Vec<Oddity>) -> Result<bool, LineError> {
        self.apply_line(entry, ServerLine::read, odd)
    }

    fn apply_line(
        &mut self,
        entry: &Entry,
        read: ReadServer,
        odd: &mut Vec<Oddity>,
    ) -> Result<bool, LineError> {
        let Entry { key, untrimmed: value, .. } = entry;
        if key.starts_with("server.") {
            self.apply_server(key, value, read, odd)?;
        } else if key.starts_with("group") {
            self.apply_group(key, value, odd)?;
        } else if key.starts_with("weight") {
            self.apply_weight(key, value, odd)?;
        } else if key == "version" {
            self.apply_version(value, odd)?;
        } else {
            return Ok(false);
        }
        let sizes = [self.servers.len(), self.groups.len(), self.weights.len()];
        if sizes.into_iter().any(|size| size > MEMBERS_MAX) {
            return Err(LineError::TooMany);
        }
        Ok(true)
    }

    fn apply_server(
        &mut self,
        key: &str,
        value: &str,
        read: ReadServer,
        odd: &mut Vec<Oddity>,
    ) -> Result<(), LineError> {
        let id = server_id(key_number(key, "server", odd)?)?;
        let (line, oddities) = read(value).map_err(|error| LineError::Server {
            id,
            error,
            slip: Slip::find(value),
        })?;
        odd.extend(oddities);
        once(key, self.servers.insert(id, line))
    }

    fn apply_group(
        &mut self,
        key: &str,
        value: &str,
        odd: &mut Vec<Oddity>,
    ) -> Result<(), LineError> {
        let number = key_number(key, "group", odd)?;
        let group = u64::try_from(number).map_err(|_| LineError::Range { number })?;
        if self.groups.values().any(|known| known.0 == group) {
            return Err(LineError::Repeated { key: key.into() });
        }
        for found in java::split(value, ':') {
            if self.groups.len() > MEMBERS_MAX {
                return Err(LineError::TooMany);
            }
            let number = taken(found, odd)
                .ok_or_else(|| LineError::GroupMember { group, found: found.into() })?;
            let id = server_id(number)?;
            if let Some(GroupId(first)) = self.groups.insert(id, GroupId(group)) {
                return Err(LineError::TwoGroups { id, first, second: group });
            }
        }
        Ok(())
    }

    fn apply_weight(
        &mut self,
        key: &str,
        value: &str,
        odd: &mut Vec<Oddity>,
    ) -> Result<(), LineError> {
        let id = server_id(key_number(key, "weight", odd)?)?;
        let number =
            taken(value, odd).ok_or_else(|| LineError::Weight { id, found: value.into() })?;
        let weight = u64::try_from(number).map_err(|_| LineError::Range { number })?;
        once(key, self.weights.insert(id, weight))
    }

    fn apply_version(&mut self, value: &str, odd: &mut Vec<Oddity>) -> Result<(), LineError> {
        let trimmed = java::trim(value);
        let number =
            java::hexadecimal(trimmed).ok_or_else(|| LineError::Version { found: value.into() })?;
        if number < 0 {
            return Err(LineError::Range { number });
        }
        if trimmed.len() < value.len() {
            odd.push(Oddity::Blank { found: value.into() });
        }
        self.version = ConfigVersion(number);
        Ok(())
    }

    /// Weights as a real server tells them: once there are groups or weights, it names that of every voter.
    fn told_weights(&self) -> BTreeMap<u64, u64> {
        let mut told = BTreeMap::new();
        if self.groups.is_empty() && self.weights.is_empty() {
            return told;
        }
        let voters = self.servers.iter().filter(|(_, line)| line.is_voter());
        told.extend(voters.map(|(id, _)| (id.number(), 1)));
        told.extend(self.weights.iter().map(|(id, weight)| (id.number(), *weight)));
        told
    }
}

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in hash_order(self.servers.keys().map(|id| id.number())) {
            if let Some(line) = ServerId::new(id).and_then(|id| self.servers.get(&id)) {
                writeln!(f, "server.{id}={line}")?;
            }
        }
        let mut groups = BTreeMap::<u64, Vec<String>>::new();
        for id in hash_order(self.groups.keys().map(|id| id.number())) {
            if let Some(GroupId(group)) = ServerId::new(id).and_then(|id| self.groups.get(&id)) {
                groups.entry(*group).or_default().push(id.to_string());
            }
        }
        for group in hash_order(groups.keys().copied()) {
            writeln!(f, "group.{group}={}", groups[&group].join(":"))?;
        }
        let weights = self.told_weights();
        for id in hash_order(weights.keys().copied()) {
            writeln!(f, "weight.{id}={}", weights[&id])?;
        }
        write!(f, "version={}", self.version)
    }
}

/// The number in a key: what stands behind its first dot. Java takes every key for one about groups that begins with
/// that word, and does the same with weights.
fn key_number(key: &str, kind: &'static str, odd: &mut Vec<Oddity>) -> Result<i64, LineError> {
    let (word, digits) = key.split_once('.').unwrap_or(("", key));
    let number = java::number(digits).ok_or_else(|| LineError::Key { key: key.into(), kind })?;
    if word != kind {
        odd.push(Oddity::Key { kind, number });
    }
    if !java::is_plain(digits) {
        odd.push(Oddity::Number { found: digits.into(), read: number });
    }
    Ok(number)
}

/// A key must not have been set before.
fn once<T>(key: &str, before: Option<T>) -> Result<(), LineError> {
    before.map_or(Ok(()), |_| Err(LineError::Repeated { key: key.into() }))
}

fn server_id(number: i64) -> Result<ServerId, LineError> {
    let id = u64::try_from(number).ok().and_then(ServerId::new);
    id.ok_or(LineError::Range { number })
}

fn taken(found: &str, odd: &mut Vec<Oddity>) -> Option<i64> {
    let (number, oddity) = server_line::number(found)?;
    odd.extend(oddity);
    Some(number)
}

fn because(slip: Option<&Slip>) -> String {
    slip.map_or_else(String::new, |slip| format!("; {slip}"))
}

/// Numbers in the order in which a `java.util.HashMap` with these keys is walked: by bucket.
///
/// Within a bucket Java keeps the order of insertion, which depends on another hash table; here the smaller is first.
fn hash_order(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.collect();
    let mut buckets = 16_u64;
    // The table doubles when it is more than three quarters full.
    while numbers.len() as u64 * 4 > buckets * 3 {
        buckets *= 2;
    }
    numbers.sort_unstable_by_key(|number| {
        let folded = (number ^ (number >> 32)) & 0xffff_ffff;
        ((folded ^ (folded >> 16)) & (buckets - 1), *number)
    });
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_the_order_of_a_java_hash_table() {
        // As ZooKeeper 3.8.0 writes a list of these ids.
        let expected = [1, 2, 5_000_000_007, 4, 5, 39, 41, 70_000, 23, 24, 58, 59, 61];
        let mut numbers = expected;
        numbers.sort_unstable();
        assert_eq!(hash_order(numbers.into_iter()), expected);
        // Both halves of a long number choose its bucket, and a table of sixteen holds twelve.
        let folded = [4, 5, (1 << 32) + 4];
        assert_eq!(hash_order(folded.into_iter()), folded);
        let twelve = [1, 17, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        assert_eq!(hash_order(twelve.into_iter()), twelve);
    }

    #[test]
    fn where_there_are_groups_the_weight_of_every_voter_is_told() {
        let list = "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\ngroup.1=1:2";
        let told = ConfigText::parse(&format!("{list}\nversion=0")).unwrap().to_string();
        assert_eq!(told, format!("{list}\nweight.1=1\nweight.2=1\nversion=0"));
    }

    #[test]
    fn a_version_is_a_hexadecimal_number_that_is_not_negative() {
        for (digits, version) in [("0", Some(0)), ("1f", Some(31)), ("-1", None), ("g", None)] {
            assert_eq!(ConfigVersion::from_hex(digits), version.map(ConfigVersion), "{digits}");
            let list = ConfigText::parse(&format!("server.1=h:1:2\nversion={digits}"));
            assert_eq!(list.ok().map(|list| list.version), version.map(ConfigVersion), "{digits}");
        }
    }

    #[test]
    fn blanks_round_a_version_are_odd() {
        for (text, is_odd) in [("1f", false), ("1f ", true), (" 1f", true)] {
            let entry =
                Entry { untrimmed: text.into(), ..properties::parse("version=1").0.remove(0) };
            let (mut list, mut odd) = (ConfigText::default(), Vec::new());
            assert_eq!(list.apply(&entry, &mut odd), Ok(true));
            assert_eq!(list.version, ConfigVersion(31));
            assert_eq!(matches!(odd[..], [Oddity::Blank { .. }]), is_odd, "{text:?}: {odd:?}");
        }
    }

    #[test]
    fn a_hierarchical_list_names_every_group_and_weight() {
        let text = "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\n\
                    server.50=h50:1:2:observer\nserver.3=h3:1:2:participant\n\
                    group.1=1:3\ngroup.2=2\nweight.1=1\nweight.2=4\nweight.3=0\nversion=1a";
        let config = ConfigText::parse(text).unwrap();
        assert_eq!(config.to_string(), text);
        assert_eq!(config.version, ConfigVersion(26));
        let unsaid = ConfigText::parse(&text.replace("weight.1=1\n", "")).unwrap();
        assert_eq!(unsaid.to_string(), text);
        assert_eq!(unsaid.difference(&config), None);
    }

    #[test]
    fn what_is_no_member_list_is_refused_with_its_line() {
        let refused = |text: &str| ConfigText::parse(text).unwrap_err().to_string();
        assert!(refused("").contains("no member"));
        assert!(refused("server.1=h:1:2\nserver.-1=h:1:2").contains("line 2: -1 is out of range"));
        assert!(refused("server.x=h:1:2").contains("`server.x`"));
        assert!(refused("server.9223372036854775807=h:1:2").contains("expected a number from 0"));
        assert!(refused("server.1=h:1:2\nserver.01=h:1:2").contains("`server.01` repeats"));
        assert!(refused("server.1=h:1:2\ngroup.1=1:x").contains("`x`, which is no server id"));
        assert!(refused("group.1=1\ngroup.2=1").contains("in group 1 and in group 2"));
        assert!(refused("weight.1=x").contains("weight of server 1 is `x`"));
        assert!(refused("weight.1=-1").contains("-1 is out of range"));
        assert!(refused(&format!("group.1={}", ["x"; 9].join(":"))).contains("`x`"));
        assert!(refused("version=zz").contains("version is `zz`"));
        assert!(refused("version=ffffffffffffffff").contains("hexadecimal"));
        let many: Vec<String> = (0..=MEMBERS_MAX).map(|n| format!("server.{n}=h{n}:1:2")).collect();
        assert!(refused(&many.join("\n")).contains("at most 255"));
    }
}
