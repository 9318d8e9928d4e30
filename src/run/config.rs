//! [`RunConfig`]: what is run while a node leads, and how.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use ballotbox_core::ServerId;

use super::{
    lease_file::{LEASE_FILE_VARIABLE, LEASE_LENGTH_VARIABLE},
    program::Program,
    work::WhenItEnds,
};

/// How the work of a node is run.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// Whose work it is.
    pub me: ServerId,
    /// What is run.
    pub program: Program,
    /// How long it may take to end.
    pub stop_within: Duration,
    /// How long a lease is, if there is one.
    pub lease: Option<Duration>,
    /// What becomes of the leadership when it has ended by itself.
    pub when_it_ends: WhenItEnds,
    /// A command for the shell, which has to succeed first.
    pub before_leading: Option<OsString>,
    /// A command for the shell that tells from time to time whether it is well.
    pub health: Option<OsString>,
    /// Whether it gets our stdin.
    pub stdin: bool,
    /// The folder of the node's own files.
    pub directory: PathBuf,
}

impl RunConfig {
    /// The file in which the work finds how long nobody else leads.
    pub fn lease_file(&self) -> PathBuf {
        self.directory.join("lease")
    }

    /// What programs that the node runs find in their environment.
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let lease_ms = self.lease.map_or(0, |length| length.as_millis());
        vec![
            ("BALLOTBOX_ID", self.me.to_string().into()),
            (LEASE_LENGTH_VARIABLE, lease_ms.to_string().into()),
            (LEASE_FILE_VARIABLE, self.lease_file().into()),
        ]
    }
}
