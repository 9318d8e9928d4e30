//! [`LeaseFile`]: until when this node leads, for any program to read. Nobody is asked, and no message is sent.
//!
//! | bytes | field |
//! | --- | --- |
//! | 16 | the boot on whose clocks it is meant: see below |
//! | 8 | the epoch, which is the fencing token |
//! | 8 | until what `CLOCK_BOOTTIME` shows, in nanoseconds |
//! | 8 | until what `CLOCK_MONOTONIC_RAW` shows, in nanoseconds |
//! | 8 | a checksum of all before: FNV-1a with 64 bits, which takes four lines in any language |
//!
//! All numbers are big-endian. What follows is from a later version, and not read. An empty file says that this node does not lead.
//!
//! **The lease is over when *either* clock has passed its end**: the first clock goes on while the machine sleeps but may be slewed, the other one
//! is not slewed but stops then. A reader takes time off for what it does after it has looked; `ballotbox holds` takes 50 ms.
//!
//! Readings of two boots have nothing to do with each other, so the file says which one it means: the sixteen bytes of
//! `/proc/sys/kernel/random/boot_id`, the last eight of them combined by "exclusive or" with the checksum of the content of
//! `/proc/self/timens_offsets` (of nothing, where there is no such file). So a program in another time namespace, whose clocks are shifted,
//! does not take it for its own.
//!
//! It is written with one call at each renewal, and never synced: it means nothing after a restart of the machine. A reader may come in
//! the midst of that, and looks again when the checksum is wrong.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    thread,
    time::Duration,
};

use ballotbox_actors::kit::{Rounded, clock};
use ballotbox_core::{
    UntrustedText,
    leadership::{LeaseTerms, Reading, lease::Clocks},
};

use crate::{
    Epoch,
    files::{plain, text::checksum},
    node::Boot,
};

/// The environment variable that leads programs to the lease file of the node that runs them.
pub const LEASE_FILE_VARIABLE: &str = "BALLOTBOX_LEASE_FILE";

/// The one that tells them how long a lease is, in milliseconds: 0 without one.
pub const LEASE_LENGTH_VARIABLE: &str = "BALLOTBOX_LEASE_MS";

/// How long the file is.
const LEN: usize = 48;

/// Any user may read it: work may have given up the rights of its node.
const MODE: u32 = 0o644;

/// At most this many looks, each of which finds a file that is not whole. A renewal takes a few microseconds.
const LOOKS_MAX: usize = 16;

/// The lease file of a node, which is its only writer.
#[derive(Debug)]
pub struct LeaseFile {
    file: File,
    boot: Boot,
}

/// What a lease file says: this node leads in this epoch, and nobody else can before that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeldLease {
    /// The fencing token.
    pub epoch: Epoch,
    /// It is over when either clock has passed this.
    pub until: Reading,
}

/// Why nobody may take itself for the leader by this file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum NoLease {
    /// There is no such file.
    #[error("{path} is not there: expected the lease file of a node that runs")]
    NotThere { path: UntrustedText },
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    NotRead { path: UntrustedText, error: UntrustedText },
    /// Nothing stands in it.
    #[error("this node does not lead: {path} is empty")]
    Empty { path: UntrustedText },
    /// It means other clocks.
    #[error(
        "{path} is of another boot: this machine was restarted since, or the node is in another time namespace, in which \
         clocks are shifted"
    )]
    OtherBoot { path: UntrustedText },
    /// It cannot be told whether it means our clocks.
    #[error(
        "this system does not say on which boot it runs: expected a Linux with /proc/sys/kernel/random/boot_id"
    )]
    UnknownBoot,
    /// It changes all the time.
    #[error("{path} was torn at each of {looks} looks: it was being written")]
    Torn { path: UntrustedText, looks: usize },
    /// No node has written this.
    #[error("{path} is damaged: it holds {found}, expected {LEN} bytes with their checksum")]
    Damaged { path: UntrustedText, found: Damage },
    /// It was not renewed.
    #[error("the lease of epoch {epoch} ended {} ago", Rounded(*since))]
    Over { epoch: Epoch, since: Duration },
}

/// What a damaged file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Damage {
    /// Fewer bytes than belong there.
    #[error("{0} bytes")]
    Short(usize),
    /// As many bytes as belong there, or more.
    #[error("other ones")]
    Changed,
}

impl LeaseFile {
    /// Opens this file, or makes it, and empties it: no lease of an earlier node counts any more. Who calls this holds the lock of
    /// the directory.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::Unsupported`] if it does not tell on which boot it runs. A symbolic link is refused.
    pub fn create(path: &Path) -> io::Result<Self> {
        let boot = Boot::this();
        let boot =
            boot.ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, NoLease::UnknownBoot))?;
        let file =
            plain(OpenOptions::new().write(true).create(true).truncate(true).mode(MODE), path)?;
        if file.metadata()?.permissions().mode() & 0o777 != MODE {
            file.set_permissions(fs::Permissions::from_mode(MODE))?;
        }
        Ok(Self { file, boot })
    }

    /// This node leads in this epoch, and nobody else can before one of the clocks shows this. It is not synced.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write(&self, epoch: Epoch, until: Reading) -> io::Result<()> {
        self.file.write_all_at(&bytes(self.boot, HeldLease { epoch, until }), 0)
    }

    /// This node does not lead any more.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn empty(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Reads such a file of any node of this machine.
    ///
    /// # Errors
    ///
    /// [`NoLease`], if nobody leads by it now.
    pub fn read(path: &Path) -> Result<HeldLease, NoLease> {
        let boot = Boot::this().ok_or(NoLease::UnknownBoot)?;
        let file = plain(OpenOptions::new().read(true), path);
        let file = file.map_err(|error| not_read(path, &error))?;
        let whole = look_until_whole(path, || {
            let mut bytes = [0; LEN];
            let length = file.read_at(&mut bytes, 0)?;
            Ok(bytes[..length].to_vec())
        })?;
        // The clocks are read last, so that no time goes by unseen.
        judge(path, boot, whole, clock::reading())
    }
}

/// A lease, and the boot on which it was written.
type Written = ([u8; 16], HeldLease);

/// Looks until the file is whole, as a renewal may be under way.
fn look_until_whole(
    path: &Path,
    mut look: impl FnMut() -> io::Result<Vec<u8>>,
) -> Result<Written, NoLease> {
    let mut first = None;
    let mut changes = false;
    for _ in 0..LOOKS_MAX {
        let found = look().map_err(|error| not_read(path, &error))?;
        if found.is_empty() {
            return Err(NoLease::Empty { path: UntrustedText::path(path) });
        }
        if let Some(whole) = parse(&found) {
            return Ok(whole);
        }
        changes |= first.get_or_insert_with(|| found.clone()) != &found;
        thread::yield_now();
    }
    Err(not_whole(path, changes, first.map_or(0, |found| found.len())))
}

impl HeldLease {
    /// How long it lasts by the faster of the clocks, which show this now: `None` if it is over.
    pub fn left(&self, now: Reading) -> Option<Duration> {
        now.left_by_fastest(self.until)
    }

    /// The same less 50 ms for the time between looking and having acted; zero when that is over.
    pub fn remaining(&self, now: Reading) -> Duration {
        self.left(now).unwrap_or_default().saturating_sub(LeaseTerms::SLACK)
    }
}

fn bytes(boot: Boot, lease: HeldLease) -> [u8; LEN] {
    let HeldLease { epoch, until } = lease;
    let [boot_clock, raw_clock] = until.to_nanos();
    let mut bytes = [0; LEN];
    bytes[..16].copy_from_slice(&boot.bytes());
    let fields = [epoch.0.cast_unsigned(), boot_clock, raw_clock];
    for (place, field) in bytes[16..40].chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    let sum = checksum(&bytes[..40]);
    bytes[40..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// What these bytes say, and on which boot, if they are whole.
fn parse(bytes: &[u8]) -> Option<Written> {
    let bytes: &[u8; LEN] = bytes.try_into().ok()?;
    let field = |at: usize| -> Option<u64> {
        Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
    };
    if field(40)? != checksum(&bytes[..40]) {
        return None;
    }
    let epoch = Epoch(i64::try_from(field(16)?).ok()?);
    let until = Reading::from_nanos([field(24)?, field(32)?]);
    Some((bytes[..16].try_into().ok()?, HeldLease { epoch, until }))
}

fn judge(
    path: &Path,
    boot: Boot,
    (written_on, lease): Written,
    now: Reading,
) -> Result<HeldLease, NoLease> {
    if written_on != boot.bytes() {
        return Err(NoLease::OtherBoot { path: UntrustedText::path(path) });
    }
    if lease.left(now).is_some() {
        return Ok(lease);
    }
    let HeldLease { epoch, until } = lease;
    let since = |now: Duration, until| now.saturating_sub(until);
    let since = since(now.boot, until.boot).max(since(now.raw, until.raw));
    Err(NoLease::Over { epoch, since })
}

fn not_read(path: &Path, error: &io::Error) -> NoLease {
    let path = UntrustedText::path(path);
    if error.kind() == io::ErrorKind::NotFound {
        return NoLease::NotThere { path };
    }
    NoLease::NotRead { path, error: UntrustedText::new(error) }
}

fn not_whole(path: &Path, changes: bool, length: usize) -> NoLease {
    let path = UntrustedText::path(path);
    if changes {
        return NoLease::Torn { path, looks: LOOKS_MAX };
    }
    let found = if length < LEN { Damage::Short(length) } else { Damage::Changed };
    NoLease::Damaged { path, found }
}

#[cfg(test)]
mod tests;
