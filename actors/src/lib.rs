//! The election network, work in progress.

mod endpoint;
pub mod kit;
mod server_id;
pub mod wire;

pub use endpoint::{Endpoint, EndpointError};
pub use server_id::ServerId;
