//! [`SnapshotReader`]: reads past the snapshot that follows a SNAP, to find its end.
//!
//! The stream has no length: its end is where its structure ends. The last text of it proves nothing by itself, as the
//! data of a node may hold the same bytes.
//!
//! ```text
//! i32 sessions, each  i64 id, i32 timeout
//! i32 lists of rights, each  i64 key, i32 entries, -1 for none, each  { i32 rights, text scheme, text id }
//! nodes, each  text path, data, i64 list of rights, 60 bytes of numbers
//! text "/" ends the nodes
//! text "BenWasHere"
//! ```

use std::fmt;

use super::{
    jute::{JuteError, check_length},
    packet::QuorumPacket,
};
use crate::UntrustedText;

/// Data and texts in it are as long as a packet may be, at most.
const LEN_MAX: usize = QuorumPacket::DATA_LEN_MAX;

/// Of sessions and rights there are as many as there are: they cost time and no memory. Below zero is none of them.
const COUNT_MAX: usize = 0x7fff_ffff;

const SESSION_LEN: u64 = 8 + 4;

/// What stands behind a node's data: the list of rights, and what else is known of the node.
const STAT_LEN: u64 = 8 + 60;

/// The last text, with its length.
const TRAILER: [u8; 14] = *b"\0\0\0\x0aBenWasHere";

/// Reads a snapshot in pieces. It keeps the field that it is in, and nothing of what it has read.
#[derive(Clone, Debug)]
pub struct SnapshotReader {
    place: Place,
    /// What has come of the field at that place.
    field: [u8; FIELD_LEN_MAX],
    held: usize,
    /// What comes before that field, and is of no interest.
    skip: u64,
}

/// No field that is looked at is longer.
const FIELD_LEN_MAX: usize = TRAILER.len();

/// Which field comes next.
#[derive(Clone, Copy, Debug)]
enum Place {
    Sessions,
    Lists,
    /// Key and number of entries; this number of lists follows this one.
    List {
        lists: usize,
    },
    /// Rights and the length of the scheme; this number of entries follows this one.
    Entry {
        lists: usize,
        entries: usize,
    },
    EntryId {
        lists: usize,
        entries: usize,
    },
    Path,
    /// A path of one byte: it may be the end of the nodes.
    ShortPath,
    Data,
    Trailer,
    End,
}

/// Why bytes are no snapshot.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// A length in it is out of bounds.
    #[error("{part} of a snapshot: {error}")]
    Length {
        /// What the length says.
        part: SnapshotPart,
        /// What was found, and what was expected.
        error: JuteError,
    },
    /// The nodes have ended, and something else than `BenWasHere` follows.
    #[error("{found} at the end of a snapshot: expected BenWasHere")]
    Trailer {
        /// What stands there, with its length.
        found: UntrustedText,
    },
}

/// What in a snapshot has a length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SnapshotPart {
    /// The list of sessions.
    Sessions,
    /// The lists of rights.
    Lists,
    /// One of them.
    List,
    /// The scheme or the id of an entry in it.
    Entry,
    /// The path of a node.
    Path,
    /// The data of a node.
    Data,
}

impl Default for SnapshotReader {
    fn default() -> Self {
        Self { place: Place::Sessions, field: [0; FIELD_LEN_MAX], held: 0, skip: 0 }
    }
}

impl SnapshotReader {
    /// Reads on, and says how many of these bytes belong to the snapshot: all of them, unless it ends within them.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]. The stream is lost then.
    pub fn read(&mut self, bytes: &[u8]) -> Result<usize, SnapshotError> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over() {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rest.len());
            self.skip -= skipped as u64;
            rest = &rest[skipped..];
            let missing = &mut self.field[self.held..self.place.len()];
            let count = missing.len().min(rest.len());
            missing[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            self.held += count;
            if self.held == self.place.len() {
                self.held = 0;
                self.field_is_whole()?;
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Whether the end was read.
    pub const fn is_over(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Goes to the next place, by what stands at this one.
    fn field_is_whole(&mut self) -> Result<(), SnapshotError> {
        (self.place, self.skip) = match self.place {
            Place::Sessions => {
                let sessions = self.length(SnapshotPart::Sessions, 0, COUNT_MAX)?;
                (Place::Lists, sessions as u64 * SESSION_LEN)
            }
            Place::Lists => {
                let lists = self.length(SnapshotPart::Lists, 0, COUNT_MAX)?;
                (Place::list(lists), 0)
            }
            Place::List { lists } => {
                let entries = self.length(SnapshotPart::List, -1, COUNT_MAX)?;
                (Place::entry(lists, entries), 0)
            }
            Place::Entry { lists, entries } => {
                let scheme = self.length(SnapshotPart::Entry, -1, LEN_MAX)?;
                (Place::EntryId { lists, entries }, scheme as u64)
            }
            Place::EntryId { lists, entries } => {
                let id = self.length(SnapshotPart::Entry, -1, LEN_MAX)?;
                (Place::entry(lists, entries), id as u64)
            }
            Place::Path => match self.length(SnapshotPart::Path, 0, LEN_MAX)? {
                1 => (Place::ShortPath, 0),
                path => (Place::Data, path as u64),
            },
            Place::ShortPath if self.field[0] == b'/' => (Place::Trailer, 0),
            Place::ShortPath => (Place::Data, 0),
            Place::Data => {
                let data = self.length(SnapshotPart::Data, -1, LEN_MAX)?;
                (Place::Path, data as u64 + STAT_LEN)
            }
            Place::Trailer if self.field == TRAILER => (Place::End, 0),
            Place::Trailer => {
                return Err(SnapshotError::Trailer {
                    found: UntrustedText::from_bytes(&self.field),
                });
            }
            Place::End => (Place::End, 0),
        };
        Ok(())
    }

    /// The length that ends the field; 0 for none.
    fn length(&self, part: SnapshotPart, min: i32, max: usize) -> Result<usize, SnapshotError> {
        let field = self.field[..self.place.len()].last_chunk().copied().unwrap_or_default();
        match i32::from_be_bytes(field) {
            -1 if min == -1 => Ok(0),
            length => check_length(length, min, max)
                .map_err(|error| SnapshotError::Length { part, error }),
        }
    }
}

impl Place {
    /// How long the field at this place is.
    const fn len(self) -> usize {
        match self {
            Self::Sessions | Self::Lists | Self::EntryId { .. } | Self::Path | Self::Data => 4,
            Self::List { .. } => 8 + 4,
            Self::Entry { .. } => 4 + 4,
            Self::ShortPath => 1,
            Self::Trailer => TRAILER.len(),
            Self::End => 0,
        }
    }

    /// Where this number of lists begins.
    const fn list(lists: usize) -> Self {
        match lists.checked_sub(1) {
            Some(lists) => Self::List { lists },
            None => Self::Path,
        }
    }

    /// Where this number of entries begins, and then this number of lists.
    const fn entry(lists: usize, entries: usize) -> Self {
        match entries.checked_sub(1) {
            Some(entries) => Self::Entry { lists, entries },
            None => Self::list(lists),
        }
    }
}

impl fmt::Display for SnapshotPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sessions => "the sessions",
            Self::Lists => "the lists of rights",
            Self::List => "a list of rights",
            Self::Entry => "the rights",
            Self::Path => "a path",
            Self::Data => "the data of a node",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::jute::put_buffer;

    fn int(value: i32) -> Vec<u8> {
        value.to_be_bytes().to_vec()
    }

    fn text(text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_buffer(&mut bytes, Some(text));
        bytes
    }

    fn node(path: &[u8], data: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = text(path);
        put_buffer(&mut bytes, data);
        bytes.extend([0xff; 68]);
        bytes
    }

    /// Everything that a snapshot can hold, and some that look like its end.
    fn pieces() -> Vec<Vec<u8>> {
        let end = [&text(b"/")[..], &TRAILER].concat();
        vec![
            int(2),
            vec![0xff; 24],
            int(3),
            // No entries.
            [vec![1; 8], int(0)].concat(),
            [vec![1; 8], int(-1)].concat(),
            [vec![1; 8], int(2)].concat(),
            [int(31), text(b"world"), text(b"anyone")].concat(),
            [int(1), int(-1), int(-1)].concat(),
            node(b"", None),
            node(b"x", Some(b"")),
            node(b"/zookeeper", Some(&end)),
            node(&end, Some(&[7; 5000])),
            text(b"/"),
            TRAILER.to_vec(),
        ]
    }

    /// How many bytes it takes, when they come in pieces of this size.
    fn read(stream: &[u8], piece: usize) -> Result<Option<usize>, SnapshotError> {
        let (mut reader, mut taken) = (SnapshotReader::default(), 0);
        for piece in stream.chunks(piece) {
            taken += reader.read(piece)?;
            if reader.is_over() {
                return Ok(Some(taken));
            }
        }
        assert_eq!(taken, stream.len(), "all that came before the end is part of it");
        Ok(None)
    }

    #[test]
    fn a_snapshot_ends_where_its_structure_ends_however_it_is_split() {
        let snapshot = pieces().concat();
        let stream = [&snapshot[..], b"the next packet"].concat();
        for piece in 1..=stream.len() {
            assert_eq!(read(&stream, piece), Ok(Some(snapshot.len())), "pieces of {piece}");
        }
    }

    #[test]
    fn no_part_of_a_snapshot_is_one() {
        let snapshot = pieces().concat();
        for len in 0..snapshot.len() {
            assert_eq!(read(&snapshot[..len], 1000), Ok(None), "{len} bytes");
        }
    }

    #[test]
    fn lengths_out_of_bounds_are_refused_where_they_stand() {
        let before = |count: usize, field: Vec<u8>| [pieces()[..count].concat(), field].concat();
        let too_long = 2 * 1024 * 1024 + 1;
        let entry = [int(31), text(b"world")].concat();
        for (stream, part, min, max, found) in [
            (int(-1), SnapshotPart::Sessions, 0, COUNT_MAX, -1),
            (before(2, int(-1)), SnapshotPart::Lists, 0, COUNT_MAX, -1),
            (before(5, [vec![1; 8], int(-2)].concat()), SnapshotPart::List, -1, COUNT_MAX, -2),
            (
                before(6, [0, too_long].map(i32::to_be_bytes).concat()),
                SnapshotPart::Entry,
                -1,
                LEN_MAX,
                too_long,
            ),
            (before(6, [&entry[..], &int(-2)].concat()), SnapshotPart::Entry, -1, LEN_MAX, -2),
            (
                before(6, [&entry[..], &int(too_long)].concat()),
                SnapshotPart::Entry,
                -1,
                LEN_MAX,
                too_long,
            ),
            (before(8, int(-1)), SnapshotPart::Path, 0, LEN_MAX, -1),
            (before(8, int(too_long)), SnapshotPart::Path, 0, LEN_MAX, too_long),
            (before(8, [text(b""), int(-2)].concat()), SnapshotPart::Data, -1, LEN_MAX, -2),
            (
                before(8, [text(b""), int(too_long)].concat()),
                SnapshotPart::Data,
                -1,
                LEN_MAX,
                too_long,
            ),
        ] {
            let error =
                SnapshotError::Length { part, error: JuteError::Length { found, min, max } };
            assert!(error.to_string().contains(&part.to_string()) && part.to_string().len() > 5);
            assert_eq!(read(&stream, 1000), Err(error));
        }
    }

    #[test]
    fn the_longest_data_passes() {
        let longest = node(b"", Some(&vec![7; LEN_MAX]));
        let stream = [int(0), int(0), longest, text(b"/"), TRAILER.to_vec()].concat();
        assert_eq!(read(&stream, 4096), Ok(Some(stream.len())));
    }

    #[test]
    fn another_end_is_none() {
        let mut snapshot = pieces().concat();
        *snapshot.last_mut().unwrap() = b'd';
        let error = read(&snapshot, 1000).unwrap_err();
        let found = UntrustedText::from_bytes(b"\0\0\0\nBenWasHerd");
        assert_eq!(error, SnapshotError::Trailer { found });
    }

    #[test]
    fn an_announced_number_of_sessions_only_takes_time() {
        let mut reader = SnapshotReader::default();
        assert_eq!(reader.read(&int(i32::MAX)), Ok(4));
        assert_eq!(reader.read(&[0; 4096]), Ok(4096));
        assert!(!reader.is_over());
        assert_eq!(reader.skip, (COUNT_MAX as u64) * SESSION_LEN - 4096);
    }
}
