//! [`Block`]: what only members of ours say, behind or in place of what real servers say.
//!
//! | bytes | field |
//! | --- | --- |
//! | 8 | `ballotbx`: no text, session or number of a real server begins like that |
//! | 4 | version, 3 today: it has leases (2) and hand-overs (3) |
//! | 4 | length of what follows |
//! | | fields |
//!
//! Fields are only ever added at the end, with a larger version: so each version reads what it knows of any other, and ignores the
//! rest. What stands behind a block is ignored as well.

use std::time::Duration;

use super::WordError;
use crate::{
    ServerId,
    election::Epoch,
    wire::{JuteError, JuteReader, PacketKind, QuorumPacket, put_buffer},
};

const MAGIC: [u8; 8] = *b"ballotbx";

/// The version that is written.
const VERSION: i32 = 3;

/// The first version there was.
const VERSION_MIN: i32 = 1;

/// The first version that knows of leases.
const VERSION_WITH_LEASES: i32 = 2;

/// The first version that knows of hand-overs.
const VERSION_WITH_HANDOVERS: i32 = 3;

/// Reads the fields of a block.
pub(super) struct Block<'a> {
    kind: PacketKind,
    version: i32,
    fields: JuteReader<'a>,
}

impl<'a> Block<'a> {
    /// The block with which these bytes begin, if one does.
    pub(super) fn find(kind: PacketKind, bytes: &'a [u8]) -> Result<Option<Self>, WordError> {
        let mut reader = JuteReader::new(bytes);
        if reader.take(MAGIC.len()) != Ok(&MAGIC[..]) {
            return Ok(None);
        }
        let broken = |error| WordError::Block { kind, error };
        let version = reader.int().map_err(broken)?;
        if version < VERSION_MIN {
            return Err(WordError::BlockVersion { kind, found: version });
        }
        let fields = reader.bytes(QuorumPacket::DATA_LEN_MAX).map_err(broken)?;
        Ok(Some(Self { kind, version, fields: JuteReader::new(fields) }))
    }

    /// Whether it says what has to do with leases.
    pub(super) const fn has_leases(&self) -> bool {
        self.version >= VERSION_WITH_LEASES
    }

    /// Whether it says what has to do with hand-overs.
    pub(super) const fn has_handovers(&self) -> bool {
        self.version >= VERSION_WITH_HANDOVERS
    }

    /// A number without a meaning.
    pub(super) fn number(&mut self) -> Result<u64, WordError> {
        self.field(JuteReader::long).map(i64::cast_unsigned)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, WordError> {
        self.field(JuteReader::boolean)
    }

    pub(super) fn epoch(&mut self) -> Result<Epoch, WordError> {
        let found = self.field(JuteReader::long)?;
        super::epoch(self.kind, found)
    }

    /// A time in nanoseconds.
    pub(super) fn wait(&mut self) -> Result<Duration, WordError> {
        self.number().map(Duration::from_nanos)
    }

    pub(super) fn id(&mut self) -> Result<ServerId, WordError> {
        let (kind, found) = (self.kind, self.field(JuteReader::long)?);
        ServerId::from_wire(found).ok_or(WordError::Id { kind, found })
    }

    pub(super) fn text(&mut self, max: usize) -> Result<&'a str, WordError> {
        self.field(|fields| fields.text(max))
    }

    pub(super) fn bytes(&mut self, max: usize) -> Result<&'a [u8], WordError> {
        self.field(|fields| fields.bytes(max))
    }

    /// At most this many ids, which must be those of servers.
    pub(super) fn ids<C: FromIterator<ServerId>>(&mut self, max: usize) -> Result<C, WordError> {
        let count = self.field(|fields| fields.count(max))?.unwrap_or(0);
        (0..count).map(|_| self.id()).collect()
    }

    fn field<T>(
        &mut self,
        read: impl FnOnce(&mut JuteReader<'a>) -> Result<T, JuteError>,
    ) -> Result<T, WordError> {
        read(&mut self.fields).map_err(|error| WordError::Block { kind: self.kind, error })
    }
}

/// Writes a block.
pub(super) struct NewBlock(Vec<u8>);

impl NewBlock {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn boolean(self, boolean: bool) -> Self {
        self.raw(&[u8::from(boolean)])
    }

    pub(super) fn epoch(self, epoch: Epoch) -> Self {
        self.raw(&epoch.0.to_be_bytes())
    }

    pub(super) fn wait(self, wait: Duration) -> Self {
        self.number(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        put_buffer(&mut self.0, Some(text.as_bytes()));
        self
    }

    pub(super) fn ids<'i>(self, ids: impl ExactSizeIterator<Item = &'i ServerId>) -> Self {
        let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
        ids.fold(self.raw(&count.to_be_bytes()), |block, id| block.number(id.number()))
    }

    /// Puts the block behind these bytes.
    pub(super) fn behind(self, bytes: &[u8]) -> Vec<u8> {
        let mut data = [bytes, &MAGIC[..], &VERSION.to_be_bytes()].concat();
        put_buffer(&mut data, Some(&self.0));
        data
    }

    pub(super) fn raw(mut self, field: &[u8]) -> Self {
        self.0.extend(field);
        self
    }
}
