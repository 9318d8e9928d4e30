//! The file `promise`: what a member has promised last, and on which run of which machine.
//!
//! | bytes | field |
//! | --- | --- |
//! | 8 | `ballotp1` |
//! | 8 | the [`Boot`] on whose clocks it was promised |
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

use std::{fs, time::Duration};

use ballotbox_core::{
    ServerId,
    election::Epoch,
    leadership::{DirectoryId, Holder, Incarnation, Promise, Reading},
};

use super::identity::checksum;

/// How long the file is.
pub(super) const LEN: usize = 72;

const MAGIC: [u8; 8] = *b"ballotp1";

/// One run of one machine, as far as its clocks go: readings of two boots have nothing to do with each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Boot(u64);

impl Boot {
    /// This one. A container may see clocks that are shifted against those of its machine: that is another one.
    ///
    /// `None` if it cannot be told: then no promise is recognised after a restart of the process.
    pub(super) fn this() -> Option<Self> {
        let id = fs::read("/proc/sys/kernel/random/boot_id").ok()?;
        // Kernels without time namespaces have no such file.
        let shifts = fs::read("/proc/self/timens_offsets").unwrap_or_default();
        Some(Self(checksum(&[id, shifts].concat())))
    }
}

/// The bytes that say this.
pub(super) fn bytes(boot: Boot, promise: &Promise<Reading>) -> Option<[u8; LEN]> {
    let Promise { to: Some(to), epoch, until } = promise else { return None };
    let nanos = |shown: Duration| u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
    let fields = [
        boot.0,
        nanos(until.boot),
        nanos(until.raw),
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
    if bytes[..8] != MAGIC || field(8)? != checksum(&bytes[..64]) || field(1)? != boot.0 {
        return None;
    }
    let until =
        Reading { boot: Duration::from_nanos(field(2)?), raw: Duration::from_nanos(field(3)?) };
    let to = Holder {
        leader: ServerId::new(field(4)?)?,
        directory: DirectoryId(field(5)?),
        incarnation: Incarnation(field(6)?),
    };
    Some(Promise { to: Some(to), epoch: Epoch(field(7)?.cast_signed()), until })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Boot = Boot(7);

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
        assert_eq!(parse(Boot(8), &written), None);
        assert_eq!(Boot::this(), Boot::this());
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
