//! What a driver is about to say, in order, together for each session.

use ballotbox_core::{leadership::SessionId, wire::QuorumPacket};

/// What is to be said, in order, together for each session.
pub(super) type Words = Vec<(SessionId, Vec<QuorumPacket>)>;

pub(super) fn add(words: &mut Words, session: SessionId, packet: Option<QuorumPacket>) {
    let Some(packet) = packet else { return };
    match words.iter_mut().find(|(to, _)| *to == session) {
        Some((_, packets)) => packets.push(packet),
        None => words.push((session, vec![packet])),
    }
}
