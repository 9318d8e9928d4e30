//! [`remark`]: what a node has to say about its leadership that is no change of it, in words for people.

use std::collections::BTreeSet;

use ballotbox::{ServerId, leadership::GiveUp, node::NodeEvent};
use ballotbox_actors::kit::Rounded;

/// The sentence for an event that is told as a warning. For others it is empty.
pub(super) fn remark(event: &NodeEvent) -> String {
    match event {
        NodeEvent::WaitingFor { leader, missing } => {
            let missing = join(missing);
            format!(
                "{leader} is elected; it leads as soon as {missing} was seen once, as a new ensemble begins with all its \
                 voters. Without {missing}: start the others once with --new-ensemble"
            )
        }
        NodeEvent::GaveUp { leader, why } => gave_up(*leader, why),
        NodeEvent::NotEstablished { leader } => {
            format!("{leader} was elected, and has not led in time; the election is held again")
        }
        NodeEvent::BegunByAll { epoch, amnesiacs } => format!(
            "epoch {epoch} is begun by all voters together, as {} came without memory: right if they are new. If their disks were \
             lost, an epoch that they had begun may begin again: stop all, and start them in new directories with \
             --new-ensemble --epoch-floor, above every epoch that was ever used",
            join(amnesiacs)
        ),
        NodeEvent::BesideRealServer { peer } => format!(
            "{peer} is a ZooKeeper server: beside real servers this node takes part in elections, does not lead, and as \
             a voter follows no epoch"
        ),
        NodeEvent::Directory { remark } => remark.to_string(),
        NodeEvent::CannotStore { error } => format!(
            "cannot write the epochs: {error}; that is tried again, and until it works this member gives no word and does not \
             lead"
        ),
        NodeEvent::WithoutLease { epoch, missing } => format!(
            "epoch {epoch} has begun, and this member does not lead in it yet: a lease needs promises, and {} gives none. Does it run \
             a version without leases, or can it not write?",
            join(missing)
        ),
        NodeEvent::Bound { peer, to, rest } => {
            let to = to.map_or_else(|| "a leader".to_owned(), |to| to.to_string());
            format!("waiting for {peer}, which is bound to {to} for {}", Rounded(*rest))
        }
        NodeEvent::CannotPromise { error } => format!(
            "cannot write promises: {error}; that is tried again, and until it works nobody holds a lease by this member"
        ),
        NodeEvent::LeaderUnreached { leader, error, .. } => {
            format!("{leader} was elected, and is not reached at its quorum port: {error}")
        }
        NodeEvent::LearnerTurnedAway { peer, from, refusal, .. } => {
            let peer = peer.map_or_else(|| "somebody".to_owned(), |peer| peer.to_string());
            let from = from.map_or_else(String::new, |from| format!(" from {from}"));
            format!("{peer}{from} was not let in: {refusal}")
        }
        NodeEvent::MalformedPacket { from_leader, error, .. } => {
            let who = if *from_leader { "the leader" } else { "a learner" };
            format!("{who} sent what nobody says at a quorum port: {error}")
        }
        NodeEvent::Recorded
        | NodeEvent::Looking { .. }
        | NodeEvent::Voted { .. }
        | NodeEvent::Elected { .. }
        | NodeEvent::Leading { .. }
        | NodeEvent::Following { .. }
        | NodeEvent::Retiring { .. }
        | NodeEvent::Lost { .. }
        | NodeEvent::Malformed { .. }
        | NodeEvent::MembersDiffer { .. }
        | NodeEvent::Certificate(_)
        | NodeEvent::Network(_) => String::new(),
    }
}

fn join(servers: &BTreeSet<ServerId>) -> String {
    servers.iter().map(ServerId::to_string).collect::<Vec<_>>().join(", ")
}

fn gave_up(leader: ServerId, why: &GiveUp) -> String {
    match why {
        GiveUp::Overtaken { epoch } => {
            format!(
                "epoch {epoch} of {leader} came to nothing: a voter has promised to a newer one"
            )
        }
        GiveUp::NoEpochLeft => {
            "there is no epoch after the largest one: begin a new ensemble in new directories"
                .to_owned()
        }
        GiveUp::Disk => "elected, and the epoch cannot be written: another has to lead".to_owned(),
        GiveUp::OldLeader { epoch, ours } => {
            format!("{leader} proposes epoch {epoch}, and this member has followed {ours} already")
        }
        GiveUp::OtherEnsemble { theirs, ours } => format!(
            "{leader} and this member belong to two ensembles, {theirs} and {ours}: was a data directory used for another \
             list of members before? Name a new one with --data-dir, or as dataDir in its zoo.cfg"
        ),
        GiveUp::RealLeader => format!("{leader} is a ZooKeeper server"),
        GiveUp::Refused { reason } => format!("{leader} does not let this member in: {reason}"),
        GiveUp::Misfit => format!("{leader} said what does not fit; the connection was ended"),
        GiveUp::Released { epoch, .. } => format!("{leader} has given epoch {epoch} up"),
    }
}
