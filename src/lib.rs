//! Leader election with nothing else to run.

mod ensemble;
mod timing;

pub use ballotbox_actors::{Endpoint, EndpointError, ServerId};
pub use ensemble::{Ensemble, EnsembleError, GroupId, Member, Role};
pub use timing::Timing;
