//! Words to packets, and packets to words.
//!
//! Between a member of ours and a real server every byte is the one that two real servers exchange. What ours add stands
//! where a real server does not look: a learner's [`LearnerBlock`] behind its `LearnerInfo`, and all else only in answer to that.

mod block;

#[cfg(test)]
mod tests;

use self::block::{Block, NewBlock};
use super::{
    Bond, DirectoryId, EPOCH_MAX, EnsembleId, HasEnded, Holder, Incarnation, Info, LeaderBlock,
    LeaderWord, LearnerBlock, LearnerWord, LeaseTerms, Nomination,
};
use crate::{
    ServerId, UntrustedText,
    election::{Epoch, Round, Vote, Zxid},
    membership::{Role, config_text::MEMBERS_MAX},
    wire::{JuteError, JuteReader, PacketKind, QuorumPacket},
};

/// The protocol since ZooKeeper 3.4. Who says less speaks another one, without epochs.
const PROTOCOL: i32 = 0x10000;

/// The version of its configuration that we say we have: a leader refuses a larger one than its own.
const CONFIG_VERSION: i64 = 0;

/// The field of a learner that has no id of its own.
const NO_ID: i64 = i64::MAX;

/// What a learner reports as its current epoch when it is not to be counted.
const NOT_COUNTED: i32 = -1;

/// What stands where no zxid is meant.
const NO_ZXID: i64 = -1;

/// The longest name of an ensemble.
const NAME_LEN_MAX: usize = 255;

/// The longest member list.
const MEMBERS_LEN_MAX: usize = 512 * 1024;

/// The longest reason for which a learner is turned away.
const REASON_LEN_MAX: usize = 1024;

/// Why a packet says nothing that can be understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WordError {
    /// An epoch that no member can have.
    #[error("{kind} with epoch {found}: expected 0 to {EPOCH_MAX}")]
    Epoch {
        /// What the packet is.
        kind: PacketKind,
        /// What stands there.
        found: i64,
    },
    /// An id that no server can have.
    #[error("{kind} with id {found}: expected 0 to {}", ServerId::MAX)]
    Id {
        /// What the packet is.
        kind: PacketKind,
        /// What stands there.
        found: i64,
    },
    /// A protocol older than that of ZooKeeper 3.4.
    #[error("{kind} with protocol {found:#x}: expected at least {PROTOCOL:#x}")]
    Protocol {
        /// What the packet is.
        kind: PacketKind,
        /// What stands there.
        found: i32,
    },
    /// The data ends early.
    #[error("the data of {kind}: {error}")]
    Data {
        /// What the packet is.
        kind: PacketKind,
        /// What was found, and what was expected.
        error: JuteError,
    },
    /// What only ours add has a version that never was.
    #[error("a block of version {found} in {kind}: expected 1 or more")]
    BlockVersion {
        /// What the packet is.
        kind: PacketKind,
        /// What stands there.
        found: i32,
    },
    /// What only ours add is damaged.
    #[error("the block in {kind}: {error}")]
    Block {
        /// What the packet is.
        kind: PacketKind,
        /// What was found, and what was expected.
        error: JuteError,
    },
    /// What is said only between ours, and says nothing.
    #[error("{kind} without a block")]
    NoBlock {
        /// What the packet is.
        kind: PacketKind,
    },
}

impl LearnerWord {
    /// What a learner has said.
    ///
    /// # Errors
    ///
    /// [`WordError`], saying what was found and what was expected. The stream goes on behind the packet.
    pub fn from_packet(packet: &QuorumPacket) -> Result<Self, WordError> {
        let QuorumPacket { kind, zxid, ref data } = *packet;
        let data = data.as_deref().unwrap_or_default();
        Ok(match kind {
            PacketKind::FOLLOWERINFO => Self::Info(info(Role::Voter, packet.kind, zxid, data)?),
            PacketKind::OBSERVERINFO => Self::Info(info(Role::Observer, packet.kind, zxid, data)?),
            PacketKind::ACKEPOCH => {
                let mut reader = JuteReader::new(data);
                let current = match reader.int().map_err(in_data(kind))? {
                    NOT_COUNTED => None,
                    found => Some(epoch(kind, found.into())?),
                };
                let bond = bond(kind, &data[reader.position()..])?;
                Self::AckEpoch { current, zxid: Zxid(zxid), bond }
            }
            // Others acknowledge a change, which a leader of ours never proposes.
            PacketKind::ACK if Zxid(zxid).counter() == 0 => Self::Ack { epoch: epoch_of(packet)? },
            // Real servers put the sessions of their clients there.
            PacketKind::PING => match Block::find(kind, data)? {
                Some(mut block) => Self::Pong {
                    number: Some(block.number()?),
                    promises: block.has_leases() && block.boolean()?,
                    stands: block.has_handovers() && block.boolean()?,
                },
                None => Self::Pong { number: None, promises: false, stands: false },
            },
            PacketKind::ENDED => Self::HasEnded { epoch: epoch_of(packet)? },
            _ => Self::Other,
        })
    }

    /// What says this; `None` for [`LearnerWord::Other`], which is only heard, and for a text or an epoch beyond all limits,
    /// with which no node is configured.
    pub fn to_packet(&self) -> Option<QuorumPacket> {
        match self {
            Self::Info(info) => info_packet(info),
            Self::AckEpoch { current, zxid, bond } => {
                let current = match current {
                    Some(epoch) => epoch_field(*epoch)?,
                    None => NOT_COUNTED,
                };
                let current = current.to_be_bytes();
                let data = match bond {
                    Some(bond) => new_bond(*bond)?.behind(&current),
                    None => current.to_vec(),
                };
                Some(QuorumPacket { kind: PacketKind::ACKEPOCH, zxid: zxid.0, data: Some(data) })
            }
            Self::Ack { epoch } => Some(QuorumPacket::bare(PacketKind::ACK, epoch_zxid(*epoch)?)),
            Self::Pong { number, promises, stands } => {
                let block = number.map(|number| {
                    NewBlock::new().number(number).boolean(*promises).boolean(*stands)
                });
                let data = block.map_or_else(Vec::new, |block| block.behind(&[]));
                Some(QuorumPacket { kind: PacketKind::PING, zxid: 0, data: Some(data) })
            }
            Self::HasEnded { epoch } => {
                Some(QuorumPacket::bare(PacketKind::ENDED, epoch_zxid(*epoch)?))
            }
            Self::Other => None,
        }
    }
}

impl LeaderWord {
    /// What a leader has said.
    ///
    /// # Errors
    ///
    /// [`WordError`], saying what was found and what was expected. The stream goes on behind the packet.
    pub fn from_packet(packet: &QuorumPacket) -> Result<Self, WordError> {
        let QuorumPacket { kind, zxid, ref data } = *packet;
        let data = data.as_deref().unwrap_or_default();
        Ok(match kind {
            PacketKind::LEADERINFO => {
                let mut reader = JuteReader::new(data);
                reader.int().map_err(in_data(kind))?;
                let block = leader_block(kind, &data[reader.position()..])?;
                Self::Info { epoch: epoch_of(packet)?, block }
            }
            PacketKind::DIFF | PacketKind::TRUNC | PacketKind::SNAP => {
                Self::Sync { zxid: Zxid(zxid) }
            }
            PacketKind::NEWLEADER => {
                // Real servers put their member list there, or nothing.
                let founding = match Block::find(kind, data)? {
                    Some(mut block) => block.boolean()?,
                    None => false,
                };
                Self::NewLeader { epoch: epoch_of(packet)?, founding }
            }
            PacketKind::UPTODATE => Self::UpToDate,
            PacketKind::PING => {
                Self::Ping { epoch: epoch_of(packet)?, number: ping_number(kind, data)? }
            }
            PacketKind::RECORDED => Self::Recorded { epoch: epoch_of(packet)? },
            PacketKind::RELEASED => {
                let nomination = Block::find(kind, data)?.map(nomination).transpose()?;
                Self::Released { epoch: epoch_of(packet)?, nomination }
            }
            PacketKind::ENDED => {
                let mut block = Block::find(kind, data)?.ok_or(WordError::NoBlock { kind })?;
                let holder = Holder {
                    leader: block.id()?,
                    directory: DirectoryId(block.number()?),
                    incarnation: Incarnation(block.number()?),
                };
                Self::HasEnded(HasEnded { holder, epoch: epoch_of(packet)? })
            }
            PacketKind::WAITING => {
                let mut block = Block::find(kind, data)?.ok_or(WordError::NoBlock { kind })?;
                Self::Waiting { number: block.number()?, missing: block.ids(MEMBERS_MAX)? }
            }
            PacketKind::REFUSED => {
                let mut block = Block::find(kind, data)?.ok_or(WordError::NoBlock { kind })?;
                let reason = block.bytes(REASON_LEN_MAX)?;
                Self::Refused { reason: UntrustedText::bytes_shortened(reason, REASON_LEN_MAX) }
            }
            _ => Self::Other,
        })
    }

    /// What says this; `None` for [`LeaderWord::Other`], which is only heard, and for an epoch beyond all limits, with which no node
    /// is configured.
    pub fn to_packet(&self) -> Option<QuorumPacket> {
        let (kind, zxid, data) = match self {
            Self::Info { epoch, block } => {
                let protocol = PROTOCOL.to_be_bytes();
                let data = match block {
                    Some(block) => new_leader_block(*block)?.behind(&protocol),
                    None => protocol.to_vec(),
                };
                (PacketKind::LEADERINFO, epoch_zxid(*epoch)?, Some(data))
            }
            // A leader of ours has no history beyond the learner's.
            Self::Sync { zxid } => (PacketKind::DIFF, zxid.0, None),
            Self::NewLeader { epoch, founding } => {
                let data = founding.then(|| NewBlock::new().boolean(true).behind(&[]));
                (PacketKind::NEWLEADER, epoch_zxid(*epoch)?, data)
            }
            Self::UpToDate => (PacketKind::UPTODATE, NO_ZXID, None),
            Self::Ping { epoch, number } => {
                (PacketKind::PING, epoch_zxid(*epoch)?, number.map(ping_data))
            }
            Self::Recorded { epoch } => (PacketKind::RECORDED, epoch_zxid(*epoch)?, None),
            Self::Released { epoch, nomination } => {
                let data = match nomination {
                    Some(nomination) => Some(new_nomination(*nomination)?.behind(&[])),
                    None => None,
                };
                (PacketKind::RELEASED, epoch_zxid(*epoch)?, data)
            }
            Self::HasEnded(HasEnded { holder, epoch }) => {
                let Holder { leader, directory, incarnation } = *holder;
                let block = NewBlock::new().number(leader.number());
                let block = block.number(directory.0).number(incarnation.0);
                (PacketKind::ENDED, epoch_zxid(*epoch)?, Some(block.behind(&[])))
            }
            Self::Waiting { number, missing } => {
                let block = NewBlock::new().number(*number).ids(missing.iter());
                (PacketKind::WAITING, NO_ZXID, Some(block.behind(&[])))
            }
            Self::Refused { reason } => {
                // A text that is shortened says how much is left out: there has to be room for that.
                let shown = UntrustedText::shortened(reason, REASON_LEN_MAX - 64).to_string();
                let block = NewBlock::new().text(&shown);
                (PacketKind::REFUSED, NO_ZXID, Some(block.behind(&[])))
            }
            Self::Other => return None,
        };
        Some(QuorumPacket { kind, zxid, data })
    }
}

fn info(role: Role, kind: PacketKind, zxid: i64, data: &[u8]) -> Result<Info, WordError> {
    let mut reader = JuteReader::new(data);
    let id = reader.long().map_err(in_data(kind))?;
    let protocol = reader.int().map_err(in_data(kind))?;
    if protocol < PROTOCOL {
        return Err(WordError::Protocol { kind, found: protocol });
    }
    let id = match ServerId::from_wire(id) {
        None if id != NO_ID => return Err(WordError::Id { kind, found: id }),
        id => id,
    };
    // ZooKeeper 3.4 says no version of its configuration, and nothing behind it.
    let rest = reader.long().map_or(&[][..], |_| &data[reader.position()..]);
    let block = Block::find(kind, rest)?.map(learner_block).transpose()?;
    Ok(Info { id, role, accepted: epoch(kind, zxid >> 32)?, block })
}

fn info_packet(info: &Info) -> Option<QuorumPacket> {
    let kind = match info.role {
        Role::Voter => PacketKind::FOLLOWERINFO,
        Role::Observer => PacketKind::OBSERVERINFO,
    };
    let id = info.id.map_or(NO_ID, ServerId::to_wire).to_be_bytes();
    let known = [&id[..], &PROTOCOL.to_be_bytes(), &CONFIG_VERSION.to_be_bytes()].concat();
    let data = match &info.block {
        Some(block) => new_learner_block(block)?.behind(&known),
        None => known,
    };
    Some(QuorumPacket { kind, zxid: epoch_zxid(info.accepted)?, data: Some(data) })
}

fn learner_block(mut block: Block<'_>) -> Result<LearnerBlock, WordError> {
    Ok(LearnerBlock {
        directory: DirectoryId(block.number()?),
        incarnation: Incarnation(block.number()?),
        recorded: block.boolean()?,
        new_ensemble: block.boolean()?,
        epoch_floor: block.epoch()?,
        current: block.epoch()?,
        ensemble: if block.boolean()? { Some(EnsembleId(block.number()?)) } else { None },
        confirmed: block.boolean()?,
        ensemble_name: block.text(NAME_LEN_MAX)?.into(),
        members: block.text(MEMBERS_LEN_MAX)?.into(),
        ended: if block.has_leases() { block.epoch()? } else { Epoch(0) },
    })
}

fn new_learner_block(block: &LearnerBlock) -> Option<NewBlock> {
    let fits = block.ensemble_name.len() <= NAME_LEN_MAX
        && block.members.len() <= MEMBERS_LEN_MAX
        && [block.epoch_floor, block.current, block.ended].into_iter().all(is_epoch);
    let written = NewBlock::new()
        .number(block.directory.0)
        .number(block.incarnation.0)
        .boolean(block.recorded)
        .boolean(block.new_ensemble)
        .epoch(block.epoch_floor)
        .epoch(block.current)
        .boolean(block.ensemble.is_some());
    let written = match block.ensemble {
        Some(ensemble) => written.number(ensemble.0),
        None => written,
    };
    let written = written.boolean(block.confirmed).text(&block.ensemble_name).text(&block.members);
    fits.then(|| written.epoch(block.ended))
}

fn leader_block(kind: PacketKind, bytes: &[u8]) -> Result<Option<LeaderBlock>, WordError> {
    let Some(mut block) = Block::find(kind, bytes)? else { return Ok(None) };
    let (directory, incarnation) = (DirectoryId(block.number()?), Incarnation(block.number()?));
    let ensemble = EnsembleId(block.number()?);
    let (mut ended, mut lease) = (Epoch(0), None);
    if block.has_leases() {
        ended = block.epoch()?;
        let length = block.wait()?;
        let drift_ppm = u32::try_from(block.number()?).unwrap_or(u32::MAX);
        lease = Some(LeaseTerms { length, drift_ppm }).filter(|_| !length.is_zero());
    }
    Ok(Some(LeaderBlock { directory, incarnation, ensemble, ended, lease }))
}

fn new_leader_block(block: LeaderBlock) -> Option<NewBlock> {
    let LeaderBlock { directory, incarnation, ensemble, ended, lease } = block;
    let (length, drift) =
        lease.map(|lease| (lease.length, lease.drift_ppm.into())).unwrap_or_default();
    let written = NewBlock::new().number(directory.0).number(incarnation.0).number(ensemble.0);
    is_epoch(ended).then(|| written.epoch(ended).wait(length).number(drift))
}

/// To whom a voter is bound, if it says so. A real server reads no further than the epoch before it.
fn bond(kind: PacketKind, bytes: &[u8]) -> Result<Option<Bond>, WordError> {
    let Some(mut block) = Block::find(kind, bytes)? else { return Ok(None) };
    let to = if block.boolean()? { Some(block.id()?) } else { None };
    Ok(Some(Bond { to, epoch: block.epoch()?, rest: block.wait()? }))
}

fn new_bond(Bond { to, epoch, rest }: Bond) -> Option<NewBlock> {
    let written = NewBlock::new().boolean(to.is_some());
    let written = to.into_iter().fold(written, |written, to| written.number(to.number()));
    is_epoch(epoch).then(|| written.epoch(epoch).wait(rest))
}

/// Who is to lead next. Who reads past it elects.
fn nomination(mut block: Block<'_>) -> Result<Nomination, WordError> {
    let leader = block.id()?;
    let (epoch, zxid) = (block.epoch()?, Zxid(block.number()?.cast_signed()));
    let round = Round(block.number()?.cast_signed());
    Ok(Nomination { vote: Vote { epoch, zxid, leader }, round })
}

fn new_nomination(Nomination { vote, round }: Nomination) -> Option<NewBlock> {
    let written = NewBlock::new().number(vote.leader.number());
    let written = is_epoch(vote.epoch).then(|| written.epoch(vote.epoch))?;
    Some(written.number(vote.zxid.0.cast_unsigned()).number(round.0.cast_unsigned()))
}

fn ping_number(kind: PacketKind, data: &[u8]) -> Result<Option<u64>, WordError> {
    Block::find(kind, data)?.map(|mut block| block.number()).transpose()
}

fn ping_data(number: u64) -> Vec<u8> {
    NewBlock::new().number(number).behind(&[])
}

fn is_epoch(epoch: Epoch) -> bool {
    (0..=EPOCH_MAX.0).contains(&epoch.0)
}

/// The epoch in a field, if it is one that a member can have.
fn epoch(kind: PacketKind, found: i64) -> Result<Epoch, WordError> {
    if is_epoch(Epoch(found)) { Ok(Epoch(found)) } else { Err(WordError::Epoch { kind, found }) }
}

/// The epoch in the high half of a packet's zxid.
fn epoch_of(packet: &QuorumPacket) -> Result<Epoch, WordError> {
    epoch(packet.kind, packet.zxid >> 32)
}

/// The zxid with which an epoch begins.
fn epoch_zxid(epoch: Epoch) -> Option<i64> {
    is_epoch(epoch).then_some(epoch.0 << 32)
}

/// The epoch as a field of 4 bytes.
fn epoch_field(epoch: Epoch) -> Option<i32> {
    is_epoch(epoch).then(|| i32::try_from(epoch.0).ok())?
}

fn in_data(kind: PacketKind) -> impl Fn(JuteError) -> WordError {
    move |error| WordError::Data { kind, error }
}
