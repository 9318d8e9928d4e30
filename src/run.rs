//! To run a program only while this node leads.
//!
//! | file | what it does |
//! | --- | --- |
//! | `lease_file` | [`LeaseFile`]: until when this node leads, for any program to read |
//! | `left_overs` | [`end_left_overs`]: ends what an earlier node has left behind |

mod lease_file;
mod left_overs;

pub use self::{
    lease_file::{
        Damage, HeldLease, LEASE_FILE_VARIABLE, LEASE_LENGTH_VARIABLE, LeaseFile, NoLease,
    },
    left_overs::{Fate, LeftOver, end_left_overs},
};
