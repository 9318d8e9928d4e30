//! [`descriptors_needed`]: what the sockets of a whole ensemble in one process come to.

use super::cabling;
use crate::scenario::vote_file::VoteFile;

/// Beside sockets: the standard streams, the runtime's, a file or two, and some to spare.
const OTHERS: u64 = 64;

/// How many descriptors [`play`](super::play) needs for this file, when all its members run.
///
/// While members dial each other, some pairs have a second connection for a moment, as one knocks and the other connects;
/// what does not fit is tried again. So there is room for as many of those as there are lasting links.
pub fn descriptors_needed(file: &VoteFile) -> u64 {
    let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
    let (members, cables) = (count(file.histories.len()), count(cabling::cables(file).len()));
    // Each holds its port, and listens.
    let ports = 2 * (members + cables);
    // Both ends are ours, and a cable has two ends as well.
    let links = members * members.saturating_sub(1) + 2 * cables;
    OTHERS + ports + 2 * links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(members: u64, steps: &str) -> u64 {
        let members: Vec<_> = (1..=members).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        let ids: Vec<_> = (1..=members.len()).map(|id| id.to_string()).collect();
        let (members, ids) = (members.join(","), ids.join(","));
        let start = format!(r#"{{"at_ms":0,"start":[{ids}]}}"#);
        let text = format!(r#"{{"members":[{members}],"steps":[{start}{steps}]}}"#);
        descriptors_needed(&VoteFile::parse("test", &text).unwrap())
    }

    #[test]
    fn it_grows_with_the_pairs_and_with_the_cables() {
        assert_eq!(needed(3, ""), 64 + 6 + 12);
        assert_eq!(needed(51, ""), 64 + 102 + 2 * 51 * 50);
        assert_eq!(needed(3, r#",{"at_ms":1,"cut":[[1,3]]}"#), 64 + 10 + 20);
    }
}
