//! [`HeldBy`]: which processes hold a lock, as far as one can see them from here.
//!
//! A lock belongs to an open file, which a process shares with those that it starts, if it wants to. The system lists the open files of a
//! process below `/proc`, and with each one the locks that it has: so a process that has merely opened the file is no holder.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use ballotbox_core::{UntrustedText, shown_of};

/// At most this many holders are told; they may be all the processes of some work.
const HOLDERS_MAX: usize = 64;

/// At most this many open files are looked at, of all processes: more than a machine has whose processes are few hundred thousand.
const LOOKS_MAX: usize = 1_000_000;

/// What the system adds to the name of a file that was removed.
const REMOVED: &[u8] = b" (deleted)";

/// Largest description of an open file, in bytes.
const DESCRIPTION_MAX: u64 = 64 * 1024;

/// Who keeps work from having ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeldBy {
    /// A leadership in this process that was not dropped, or an open file that it has inherited from work.
    ThisProcess,
    /// These, and maybe more.
    Processes(Vec<WorkHolder>),
    /// A process of another container or another user. If it says so: which number it has there.
    Unseen {
        /// Who has locked it first.
        pid: Option<u32>,
    },
}

/// A process that holds the lock of work.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WorkHolder {
    /// Its number here.
    pub pid: u32,
    /// What it runs, as it says itself.
    pub name: UntrustedText,
}

/// A file that may be locked, as the kernel knows it.
#[derive(Clone, Debug)]
pub(crate) struct LockFile {
    device: u64,
    inode: u64,
    name: OsString,
}

impl HeldBy {
    /// Who holds this file, which says that it was locked by this one.
    pub(super) fn of(path: &Path, pid: Option<u32>) -> Self {
        let Ok(file) = LockFile::at(path) else { return Self::Unseen { pid } };
        if file.is_held_by(Path::new("/proc/self")) {
            return Self::ThisProcess;
        }
        let holders = file.holders();
        if holders.is_empty() { Self::Unseen { pid } } else { Self::Processes(holders) }
    }
}

impl LockFile {
    /// The file that is there now.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        let name = path.file_name().unwrap_or_default().to_owned();
        Ok(Self { device: found.dev(), inode: found.ino(), name })
    }

    /// Those that hold it, but for this process.
    pub(crate) fn holders(&self) -> Vec<WorkHolder> {
        let own = own_number();
        let mut looks = LOOKS_MAX;
        let holders = numbers(Path::new("/proc")).filter(|pid| Some(*pid) != own);
        let holders = holders.filter(|pid| self.is_held(&process(*pid), &mut looks));
        let holders = holders.take(HOLDERS_MAX).map(|pid| WorkHolder { pid, name: name(pid) });
        let mut holders: Vec<_> = holders.collect();
        holders.sort();
        holders
    }

    /// Whether this process, a folder below `/proc`, holds it.
    pub(crate) fn is_held_by(&self, process: &Path) -> bool {
        self.is_held(process, &mut LOOKS_MAX.clone())
    }

    fn is_held(&self, process: &Path, looks: &mut usize) -> bool {
        if self.is_held_in(process, looks) {
            return true;
        }
        // The first thread of a process may have ended before the others: then only these have the open files.
        if numbers(&process.join("fd")).next().is_some() {
            return false;
        }
        let threads = process.join("task");
        numbers(&threads).any(|thread| self.is_held_in(&threads.join(thread.to_string()), looks))
    }

    fn is_held_in(&self, process: &Path, looks: &mut usize) -> bool {
        let files = numbers(&process.join("fd")).take(*looks);
        let mut looked = 0;
        let is_held =
            files.inspect(|_| looked += 1).any(|file| self.is_behind(process, &file.to_string()));
        *looks -= looked;
        is_held
    }

    /// Whether that open file is this one, with a lock. Its name comes first: to look at what is behind a name may take as long as a file server
    /// that does not answer.
    fn is_behind(&self, process: &Path, file: &str) -> bool {
        let open = process.join("fd").join(file);
        let Ok(leads_to) = fs::read_link(&open) else { return false };
        let leads_to = leads_to.as_os_str().as_bytes();
        let leads_to = leads_to.strip_suffix(REMOVED).unwrap_or(leads_to);
        if leads_to.rsplit(|byte| *byte == b'/').next() != Some(self.name.as_bytes()) {
            return false;
        }
        let is_same = |found: fs::Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        fs::metadata(&open).is_ok_and(is_same) && has_lock(&process.join("fdinfo").join(file))
    }
}

/// Whether an open file has a lock, by its description.
fn has_lock(description: &Path) -> bool {
    let mut text = String::new();
    let file = File::open(description);
    let read = file.and_then(|file| file.take(DESCRIPTION_MAX).read_to_string(&mut text));
    let is_lock = |line: &str| line.starts_with("lock:") && line.contains(" FLOCK ");
    read.is_ok() && text.lines().any(is_lock)
}

/// The entries of a folder of the system that are numbers: none if we may not look.
fn numbers(folder: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn own_number() -> Option<u32> {
    fs::read_link("/proc/self").ok()?.to_str()?.parse().ok()
}

/// Where the system tells of this process.
pub(crate) fn process(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

fn name(pid: u32) -> UntrustedText {
    let name = fs::read(process(pid).join("comm")).unwrap_or_default();
    UntrustedText::from_bytes(name.strip_suffix(b"\n").unwrap_or(&name))
}

impl fmt::Display for WorkHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.pid, self.name)
    }
}

/// At most this many are told by their names, and how many more there are.
const NAMED_MAX: usize = 8;

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisProcess => f.write_str(
                "this process: a leadership that was not dropped, or what it has inherited from work",
            ),
            Self::Processes(holders) => {
                f.write_str("process ")?;
                let shown = shown_of(holders.len(), NAMED_MAX);
                for (at, holder) in holders.iter().take(shown).enumerate() {
                    write!(f, "{}{holder}", if at == 0 { "" } else { ", " })?;
                }
                match holders.len() - shown {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Unseen { pid } => {
                f.write_str(
                    "a process that cannot be seen from here, of another container or of another user",
                )?;
                pid.map_or(Ok(()), |pid| {
                    write!(f, " (there it is process {pid}, or what that has started)")
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
