//! The file `promise`: what a member has promised last, and on which run of which machine.
//!
//! | bytes | field |
//! | --- | --- |
//! | 8 | `ballotp1` |
//! | 8 | the [`Boot`] on whose clocks it was promised, shortened |
//! | 8, 8 | until when, on both clocks, in nanoseconds |
//! | 8, 8, 8 | to whom: the leader, its directory, and which start of it that was |
//! | 8 | the newest epoch in which it was promised |
//! | 8 | a checksum of all before |
//!
//! It is written in place with one call and never synced: the page cache keeps it when the process is killed, and when the machine is
//! restarted its clocks begin anew, so it means nothing any more. Then the member is bound for the longest promise it has ever made,
//! which is on disk in `identity`.
//!
//! File systems in memory and the layers of a container are no exception: a process that is killed there, and started again, is bound as before.
//! A container that is made anew has no promise any more, and no `identity`: its member counts nowhere until it is recorded.

use ballotbox_core::{
    ServerId,
    election::Epoch,
    leadership::{DirectoryId, Holder, Incarnation, Promise, Reading},
};

use super::boot::Boot;
use crate::files::text::checksum;

/// How long the file is.
pub(super) const LEN: usize = 72;

const MAGIC: [u8; 8] = *b"ballotp1";

/// The bytes that say this.
pub(super) fn bytes(boot: Boot, promise: &Promise<Reading>) -> Option<[u8; LEN]> {
    let Promise { to: Some(to), epoch, until } = promise else { return None };
    let [boot_clock, raw_clock] = until.to_nanos();
    let fields = [
        boot.short(),
        boot_clock,
        raw_clock,
        to.leader.number(),
        to.directory.0,
        to.incarnation.0,
        epoch.0.cast_unsigned(),
    ];
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&MAGIC);
    for (place, field) in bytes[8..64].chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    let sum = checksum(&bytes[..64]);
    bytes[64..].copy_from_slice(&sum.to_be_bytes());
    Some(bytes)
}

/// What these bytes say, if they were written on this boot, and are whole.
pub(super) fn parse(boot: Boot, bytes: &[u8]) -> Option<Promise<Reading>> {
    let bytes: &[u8; LEN] = bytes.try_into().ok()?;
    let field = |at: usize| -> Option<u64> {
        Some(u64::from_be_bytes(bytes.get(at * 8..at * 8 + 8)?.try_into().ok()?))
    };
    if bytes[..8] != MAGIC || field(8)? != checksum(&bytes[..64]) || field(1)? != boot.short() {
        return None;
    }
    let until = Reading::from_nanos([field(2)?, field(3)?]);
    let to = Holder {
        leader: ServerId::new(field(4)?)?,
        directory: DirectoryId(field(5)?),
        incarnation: Incarnation(field(6)?),
    };
    Some(Promise { to: Some(to), epoch: Epoch(field(7)?.cast_signed()), until })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HERE: Boot = Boot::numbered(7);

    fn promise() -> Promise<Reading> {
        let to = Holder {
            leader: ServerId::new(3).unwrap(),
            directory: DirectoryId(0xdead_beef),
            incarnation: Incarnation(4),
        };
        let until =
            Reading { boot: Duration::from_nanos(1_000_000_007), raw: Duration::from_nanos(9) };
        Promise { to: Some(to), epoch: Epoch(12), until }
    }

    #[test]
    fn a_promise_reads_back_on_the_same_boot_and_on_no_other() {
        let written = bytes(HERE, &promise()).unwrap();
        assert_eq!(parse(HERE, &written), Some(promise()));
        assert_eq!(parse(Boot::numbered(8), &written), None);
    }

    #[test]
    fn what_is_torn_damaged_or_empty_is_no_promise() {
        let written = bytes(HERE, &promise()).unwrap();
        for at in 0..LEN {
            assert_eq!(parse(HERE, &written[..at]), None, "{at} bytes");
            for flipped in [1, 128] {
                let mut damaged = written;
                damaged[at] ^= flipped;
                assert_eq!(parse(HERE, &damaged), None, "byte {at}");
            }
        }
        assert_eq!(parse(HERE, &[0; LEN]), None);
        assert_eq!(parse(HERE, &[written.as_slice(), b"x"].concat()), None);
    }

    #[test]
    fn to_be_bound_to_nobody_that_is_known_is_not_written_down() {
        assert_eq!(bytes(HERE, &Promise { to: None, ..promise() }), None);
    }
}
