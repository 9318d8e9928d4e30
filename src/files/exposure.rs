//! [`readable_by_others`]: whether a secret is one.

use std::{
    fmt,
    fs::Metadata,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

/// The permissions of a file: who may read it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileMode(u32);

/// The permissions of this file if others than its owner can read it; `None` if not, or if there is no such file.
///
/// A file of root that a group can read is as it has to be where a process of another user shall read it: so Kubernetes gives secrets
/// to a pod.
pub fn readable_by_others(path: &Path) -> Option<FileMode> {
    path.metadata()
        .ok()
        .and_then(|metadata| exposed(&metadata, rustix::process::geteuid().as_raw()))
}

/// The same of a file that is open.
#[cfg(feature = "http")]
pub(crate) fn others_can_read(metadata: &Metadata) -> Option<FileMode> {
    exposed(metadata, rustix::process::geteuid().as_raw())
}

fn exposed(metadata: &Metadata, user: u32) -> Option<FileMode> {
    let mode = metadata.permissions().mode() & 0o777;
    is_exposed(mode, metadata.uid(), user).then_some(FileMode(mode))
}

const fn is_exposed(mode: u32, owner: u32, user: u32) -> bool {
    let is_for_group_of_another_user = owner == 0 && user != 0;
    let hidden = if is_for_group_of_another_user { 0o027 } else { 0o077 };
    mode & hidden != 0
}

impl fmt::Display for FileMode {
    /// As for `chmod`: `mode 644`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mode {:03o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_reads_a_secret_except_for_the_group_of_who_is_given_one_by_root() {
        for (mode, owner, user, exposed) in [
            (0o600, 1000, 1000, false),
            (0o400, 0, 0, false),
            (0o640, 1000, 1000, true),
            (0o644, 0, 1000, true),
            (0o440, 0, 1000, false),
            (0o640, 0, 1000, false),
            (0o660, 0, 1000, true),
            (0o640, 0, 0, true),
            (0o604, 1000, 1000, true),
        ] {
            assert_eq!(is_exposed(mode, owner, user), exposed, "{mode:o} of {owner}, as {user}");
        }
        assert_eq!(FileMode(0o644).to_string(), "mode 644");
    }
}
