//! [`StoreRemark`]: what the user should know of a directory that can be used.

use std::{io, path::Path, time::Duration};

use ballotbox_actors::kit::Rounded;
use ballotbox_core::{UntrustedText, election::Epoch};

use super::holders::HeldBy;

/// Something about a directory that can be used, and that may not keep what it should.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum StoreRemark {
    /// It is in memory.
    #[error(
        "{path} is on {kind}, in memory: a restart of the machine takes it, and the member then counts only once the others \
         have recorded it; expected a disk"
    )]
    InMemory { path: UntrustedText, kind: &'static str },
    /// It is in a layer of a container.
    #[error(
        "{path} is inside the container: it goes with the container, and the member then counts only once the others have \
         recorded it; expected a volume"
    )]
    InContainer { path: UntrustedText },
    /// It is on another machine, or a program keeps it.
    #[error(
        "{path} is on {kind}: its lock may not keep other machines out, and what was synced may be lost; expected a disk of \
         this machine"
    )]
    Elsewhere { path: UntrustedText, kind: &'static str },
    /// It was recorded with an epoch that it does not have.
    #[error(
        "{path} was recorded with epoch {recorded}, and its currentEpoch is {current}: an old copy was put back, or the file \
         edited; the member counts only once the others have recorded it again"
    )]
    Forgot { path: UntrustedText, recorded: Epoch, current: Epoch },
    /// It was said to have no past.
    #[error(
        "{path} has accepted epoch {accepted} already, so --new-ensemble changes nothing: it is only for new directories"
    )]
    HasPast { path: UntrustedText, accepted: Epoch },
    /// What was promised to leaders is not known any more.
    #[error(
        "what was promised to a leader before this machine was started is not known any more: this member helps nobody to lead for the          next {}", Rounded(*rest)
    )]
    BoundSinceRestart { rest: Duration },
    /// Work of an earlier node goes on.
    #[error(
        "{path} is held by {by}: work that an earlier node here has begun goes on; until it has ended this member does not lead, \
         and helps nobody to"
    )]
    WorkGoesOn { path: UntrustedText, by: HeldBy },
    /// Its node cannot be asked.
    #[error("cannot listen at {path}: {error}; `ballotbox status` does not reach this node")]
    NoControl { path: UntrustedText, error: UntrustedText },
}

impl StoreRemark {
    /// What there is to say of the file system that a directory is on; nothing if that cannot be found out.
    pub(super) fn of_file_system(directory: &Path) -> Option<Self> {
        let kind = Kind::of(directory).ok()?;
        let path = UntrustedText::path(directory);
        match kind {
            Kind::Disk => None,
            Kind::InMemory(kind) => Some(Self::InMemory { path, kind }),
            Kind::Overlay => Some(Self::InContainer { path }),
            Kind::Elsewhere(kind) => Some(Self::Elsewhere { path, kind }),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Disk,
    InMemory(&'static str),
    Overlay,
    Elsewhere(&'static str),
}

impl Kind {
    #[cfg(target_os = "linux")]
    fn of(directory: &Path) -> io::Result<Self> {
        Ok(Self::of_number(rustix::fs::statfs(directory)?.f_type))
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_directory: &Path) -> io::Result<Self> {
        Ok(Self::Disk)
    }

    /// The numbers of Linux, from its `magic.h` and from the file systems themselves.
    fn of_number(number: impl Into<i64>) -> Self {
        match number.into() & 0xffff_ffff {
            0x0102_1994 => Self::InMemory("tmpfs"),
            0x8584_58f6 => Self::InMemory("ramfs"),
            0x794c_7630 => Self::Overlay,
            0x6969 => Self::Elsewhere("NFS"),
            0x517b | 0xff53_4d42 | 0xfe53_4d42 => Self::Elsewhere("SMB"),
            0x00c3_6400 => Self::Elsewhere("CephFS"),
            0x0102_1997 => Self::Elsewhere("9p"),
            0x5346_414f | 0x6b41_4653 => Self::Elsewhere("AFS"),
            0x0bd0_0bd0 => Self::Elsewhere("Lustre"),
            0x6573_5546 => Self::Elsewhere("FUSE"),
            _ => Self::Disk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_told_apart() {
        assert_eq!(Kind::of_number(0xef53_i64), Kind::Disk, "ext4");
        assert_eq!(Kind::of_number(0x0102_1994_i64), Kind::InMemory("tmpfs"));
        // On machines of 32 bits the number is signed.
        assert_eq!(Kind::of_number(-0x00ac_b2be_i32), Kind::Elsewhere("SMB"));
        // Whatever it is here, it is something.
        assert!(Kind::of(Path::new("/")).is_ok());
        assert!(StoreRemark::of_file_system(Path::new("/no/such/directory")).is_none());
    }
}
