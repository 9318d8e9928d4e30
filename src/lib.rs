//! Leader election with nothing else to run.

pub mod config_text;
pub mod elect;
pub mod election;
mod elector;
mod ensemble;
pub mod node;
mod present_links;
mod properties;
pub mod simulation;
mod timing;
pub mod vote_file;
pub mod zoo_cfg;

pub use ballotbox_actors::{Endpoint, EndpointError, ServerId};
pub use election::{Decision, Election, Epoch, Round, Standing, Vote, Zxid};
pub use ensemble::{Ensemble, EnsembleError, GroupId, Member, Role};
pub use node::{Node, NodeConfig, NodeError};
pub use timing::Timing;
