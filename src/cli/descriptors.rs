//! [`require`]: as many open files and sockets as a command needs, or a clear word before it begins.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::Failure;

/// Raises this process's limit of descriptors as far as it may be raised. The usual soft limit of 1024 is there for
/// programs that use `select`.
///
/// # Errors
///
/// [`Failure::Descriptors`] if that is less than is needed.
pub(super) fn require(needed: u64) -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    let mut raised = limit;
    raised.current = raised.maximum;
    // It may be forbidden: then what there is has to do.
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    match allowed {
        Some(allowed) if allowed < needed => Err(Failure::Descriptors { needed, allowed }),
        Some(_) | None => Ok(()),
    }
}
