//! [`EpochDirectory`]: opens the directory of a member, and stores its [`Record`] in it.

use std::collections::BTreeMap;

use ballotbox_core::{
    ServerId,
    election::Epoch,
    leadership::{DirectoryId, Incarnation, Record},
};

use super::{
    epoch_text,
    error::{OpenError, StoreError},
    identity::Identity,
};
use crate::files::{FileError, Files, read_if_there, replace};

const ACCEPTED: &str = "acceptedEpoch";
const CURRENT: &str = "currentEpoch";
const IDENTITY: &str = "identity";

/// What a real server calls its data, and what it is followed by.
const REAL_SERVERS_DATA: [&str; 2] = ["snapshot.", "log."];

/// Which folders the files are in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layout {
    /// All of them in the directory itself, which is ours alone.
    Plain,
    /// In the `dataDir` of a zoo.cfg: the epochs where a real server has them, the rest beside them.
    ZooKeeper,
}

impl Layout {
    /// Where the epochs are; the empty name is the directory itself.
    pub(crate) const fn epochs(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::ZooKeeper => "version-2",
        }
    }

    /// Where everything else is.
    pub(crate) const fn own(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::ZooKeeper => "ballotbox",
        }
    }

    fn accepted(self) -> String {
        in_folder(self.epochs(), ACCEPTED)
    }

    fn current(self) -> String {
        in_folder(self.epochs(), CURRENT)
    }

    fn identity(self) -> String {
        in_folder(self.own(), IDENTITY)
    }
}

/// What a new directory begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Seed {
    /// A number that nobody else has drawn.
    pub(crate) directory: DirectoryId,
    pub(crate) record: Record,
}

/// The directory of a member that runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EpochDirectory<F> {
    files: F,
    layout: Layout,
    identity: Identity,
    /// The last record that was stored.
    record: Record,
    forgot: Option<Forgot>,
    /// What is on disk under these names, and will be after a crash.
    stored: BTreeMap<String, Vec<u8>>,
}

/// The directory was recorded with an epoch, and its current one is older: it is an old copy of itself, or was edited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Forgot {
    pub(crate) recorded: Epoch,
    pub(crate) current: Epoch,
}

impl<F: Files> EpochDirectory<F> {
    /// Opens the directory of this member, or makes one of an empty one. What was found in it is on disk when this returns, and
    /// its incarnation.
    ///
    /// # Errors
    ///
    /// [`OpenError`], when the directory is not as this member has left it, or cannot be written.
    pub(crate) fn open(
        mut files: F,
        layout: Layout,
        me: ServerId,
        seed: Seed,
    ) -> Result<Self, OpenError> {
        let found = Found::read(&mut files, layout, me)?;
        let record = found.record(seed.record);
        let mut identity = found.identity.unwrap_or(Identity {
            member: me,
            directory: seed.directory,
            incarnation: Incarnation(0),
            recorded: None,
            ensemble: None,
            confirmed: false,
            longest_promise: record.longest_promise,
        });
        identity.incarnation = Incarnation(identity.incarnation.0.saturating_add(1));
        let (forgot, stored) = (found.forgot(), BTreeMap::new());
        let mut this = Self { files, layout, identity, record, forgot, stored };
        // What was read may be nowhere but in memory, if the last process was killed while it stored it. So all is written anew.
        this.put(record)?;
        Ok(this)
    }

    /// What was stored last.
    pub(crate) const fn record(&self) -> Record {
        self.record
    }

    pub(crate) const fn directory(&self) -> DirectoryId {
        self.identity.directory
    }

    pub(crate) const fn incarnation(&self) -> Incarnation {
        self.identity.incarnation
    }

    /// What the directory has forgotten, if that can be seen: then its record says that it is not recorded.
    pub(crate) const fn forgot(&self) -> Option<Forgot> {
        self.forgot
    }

    /// What it is stored in.
    pub(crate) const fn files(&self) -> &F {
        &self.files
    }

    /// The same, to make it fail.
    #[cfg(test)]
    pub(crate) const fn files_mut(&mut self) -> &mut F {
        &mut self.files
    }

    /// Stores a record; no crash takes it back when this returns. Only what has changed is written.
    ///
    /// The epochs on disk never fall: an older record that comes after a newer one, which it has overtaken, leaves them as they are.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: then the record may be on disk or not, and so may a part of it. What was stored before is not lost.
    pub(crate) fn store(&mut self, record: Record) -> Result<(), StoreError> {
        let (accepted, current) = (record.accepted, record.current);
        if accepted < current || !epoch_text::fits(accepted) || !epoch_text::fits(current) {
            return Err(StoreError::Impossible { accepted, current });
        }
        let record = Record {
            accepted: accepted.max(self.record.accepted),
            current: current.max(self.record.current),
            longest_promise: record.longest_promise.max(self.record.longest_promise),
            ..record
        };
        self.put(record)?;
        self.record = record;
        Ok(())
    }

    /// Fails when the directory may belong to somebody else by now.
    pub(crate) fn confirm_owned(&mut self) -> Result<(), FileError> {
        self.files.confirm_owned()
    }

    fn put(&mut self, record: Record) -> Result<(), FileError> {
        let (accepted, current, identity) =
            (self.layout.accepted(), self.layout.current(), self.layout.identity());
        (self.identity.ensemble, self.identity.confirmed) = (record.ensemble, record.confirmed);
        self.identity.longest_promise = record.longest_promise;
        self.identity.recorded = match self.identity.recorded {
            _ if !record.recorded => None,
            // It need not grow with each epoch: that would be one more file to write.
            Some(epoch) if self.stored.contains_key(&identity) => Some(epoch),
            Some(_) | None => Some(record.current),
        };
        // In this order accepted is at least current, and what is recorded has its epochs, wherever a crash comes in between.
        let mut changes = vec![
            (accepted, epoch_text::text(record.accepted)),
            (current, epoch_text::text(record.current)),
            (identity, self.identity.text()),
        ];
        changes.retain(|(name, content)| self.stored.get(name) != Some(content));
        for (name, _) in &changes {
            self.stored.remove(name);
        }
        if !changes.is_empty() {
            replace(&mut self.files, &changes)?;
        }
        self.stored.extend(changes);
        Ok(())
    }
}

/// The record of a member that does not run, or `None` if its directory is new.
///
/// # Errors
///
/// [`OpenError`], when it could not be opened either.
#[cfg(test)]
pub(crate) fn read_record(
    files: &mut impl Files,
    layout: Layout,
    me: ServerId,
) -> Result<Option<Record>, OpenError> {
    let found = Found::read(files, layout, me)?;
    Ok(found.accepted.map(|_| found.record(Record::default())))
}

/// What lies in a directory. In a new one nothing does, and an identity never lies there without the epochs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Found {
    identity: Option<Identity>,
    accepted: Option<Epoch>,
    current: Option<Epoch>,
}

impl Found {
    fn read(files: &mut impl Files, layout: Layout, me: ServerId) -> Result<Self, OpenError> {
        refuse_real_servers_data(files, layout)?;
        let identity = read_identity(files, &layout.identity(), me)?;
        let accepted = read_epoch(files, &layout.accepted())?;
        let current = read_epoch(files, &layout.current())?;
        let missing = |missing: String, beside: String| {
            let (path, beside) = (files.shown(&missing), files.shown(&beside));
            Err(OpenError::EpochMissing { path, beside })
        };
        match (accepted, current) {
            (None, Some(_)) => return missing(layout.accepted(), layout.current()),
            (None, None) if identity.is_some() => {
                return missing(layout.accepted(), layout.identity());
            }
            (Some(_), None) if identity.is_some() => {
                return missing(layout.current(), layout.identity());
            }
            (Some(accepted), Some(current)) if accepted < current => {
                let path = files.shown(&layout.accepted());
                return Err(OpenError::AcceptedBelowCurrent { path, accepted, current });
            }
            (Some(_), _) | (None, None) => {}
        }
        Ok(Self { identity, accepted, current })
    }

    fn record(&self, seed: Record) -> Record {
        let Some(accepted) = self.accepted else { return seed };
        // Without a current epoch the directory was left while it was made, or a real server has made only half of it.
        let current = self.current.unwrap_or_else(|| seed.current.min(accepted));
        let recorded = self.identity.and_then(|identity| identity.recorded);
        Record {
            accepted,
            current,
            recorded: recorded.is_some_and(|epoch| epoch <= current),
            ensemble: self.identity.and_then(|identity| identity.ensemble),
            confirmed: self.identity.is_some_and(|identity| identity.confirmed),
            longest_promise: self.identity.map(|one| one.longest_promise).unwrap_or_default(),
        }
    }

    fn forgot(&self) -> Option<Forgot> {
        let (recorded, current) = (self.identity?.recorded?, self.current?);
        (recorded > current).then_some(Forgot { recorded, current })
    }
}

fn refuse_real_servers_data(files: &mut impl Files, layout: Layout) -> Result<(), OpenError> {
    let names = files.list(layout.epochs())?;
    let is_data = |name: &String| REAL_SERVERS_DATA.iter().any(|begin| name.starts_with(begin));
    match names.into_iter().find(is_data) {
        Some(name) => Err(OpenError::RealServersData {
            path: files.shown(&in_folder(layout.epochs(), &name)),
        }),
        None => Ok(()),
    }
}

fn read_identity(
    files: &mut impl Files,
    name: &str,
    me: ServerId,
) -> Result<Option<Identity>, OpenError> {
    let Some(bytes) = read_if_there(files, name)? else { return Ok(None) };
    let path = files.shown(name);
    match Identity::parse(&bytes) {
        Ok(Identity { member, .. }) if member != me => {
            Err(OpenError::OtherMember { path, found: member, expected: me })
        }
        Ok(identity) => Ok(Some(identity)),
        Err(error) => Err(OpenError::Identity { path, error }),
    }
}

fn read_epoch(files: &mut impl Files, name: &str) -> Result<Option<Epoch>, OpenError> {
    let Some(bytes) = read_if_there(files, name)? else { return Ok(None) };
    let epoch = epoch_text::parse(&bytes);
    epoch.map(Some).map_err(|error| OpenError::Epoch { path: files.shown(name), error })
}

fn in_folder(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}

#[cfg(test)]
mod tests;
