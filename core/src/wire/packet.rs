//! [`QuorumPacket`]: what goes over the quorum port, one after the other, from the first byte on.
//!
//! | bytes | field |
//! | --- | --- |
//! | 4 | kind |
//! | 8 | zxid |
//! | 4 | length of the data; -1 for none |
//! | | data |
//! | 4 | entries of authinfo, -1 for none, each with two texts |
//!
//! Nothing stands before or between packets. None and empty data are not the same, and real servers send both.

use std::fmt;

use super::{
    buffer::Buffer,
    jute::{JuteError, JuteReader, put_buffer},
    packet_kind::PacketKind,
};

const KIND_LEN: usize = 4;

/// Where the data begins.
const HEAD_LEN: usize = KIND_LEN + 8 + 4;

/// A packet without data.
const LEN_MIN: usize = HEAD_LEN + 4;

/// At most this many entries of authinfo are read past.
const AUTHINFO_MAX: usize = 64;

/// The entries of authinfo have at most this many bytes together.
const AUTHINFO_LEN_MAX: usize = 64 * 1024;

/// One message of the quorum port.
///
/// The credentials of clients, which real followers add to their requests, are read past and not kept: authinfo is written
/// as none.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct QuorumPacket {
    /// What it is.
    pub kind: PacketKind,
    /// A change, or an epoch in the high 32 bits.
    pub zxid: i64,
    /// What else it says.
    pub data: Option<Vec<u8>>,
}

/// Why bytes are no packet. The stream is lost then: nothing tells where the next one begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PacketError {
    /// They end within it.
    #[error("{found} bytes of a packet: expected at least {expected}")]
    Short {
        /// How many there are.
        found: usize,
        /// How many there have to be, at least.
        expected: usize,
    },
    /// A length in it is out of bounds.
    #[error("{part} of {kind}: {error}")]
    Length {
        /// What the packet says that it is.
        kind: PacketKind,
        /// Where the length stands.
        part: PacketPart,
        /// What was found, and what was expected.
        error: JuteError,
    },
    /// It opens a connection, but is no introduction of a learner.
    #[error(
        "{kind} as the first packet: expected {} or {}",
        PacketKind::FOLLOWERINFO,
        PacketKind::OBSERVERINFO
    )]
    First {
        /// What the packet says that it is.
        kind: PacketKind,
    },
}

/// What in a packet has a length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PacketPart {
    /// The data.
    Data,
    /// The list of credentials.
    Authinfo,
    /// A text in that list. All of them share one limit.
    AuthinfoText,
}

impl QuorumPacket {
    /// The longest data that is read. Real servers begin to refuse just below.
    pub const DATA_LEN_MAX: usize = 2 * 1024 * 1024;

    /// The longest data of a first packet, which anybody can send: a member list fits, and little else.
    pub const FIRST_DATA_LEN_MAX: usize = 1024 * 1024;

    /// A packet without data.
    pub const fn bare(kind: PacketKind, zxid: i64) -> Self {
        Self { kind, zxid, data: None }
    }

    /// How many more bytes of a connection to read until the first packet, which begins with `head`, is whole: 0 when it is.
    ///
    /// It never asks for bytes behind that packet. A long one is asked for in steps, each about as long as what has come, so that
    /// room made for the answer is never much larger than what somebody has sent.
    ///
    /// # Errors
    ///
    /// [`PacketError`] as soon as the bytes cannot become a packet, or not one that opens a connection.
    pub fn missing(head: &[u8]) -> Result<usize, PacketError> {
        let Some(kind) = head.first_chunk() else { return Ok(KIND_LEN - head.len()) };
        let kind = PacketKind(i32::from_be_bytes(*kind));
        if !kind.opens() {
            return Err(PacketError::First { kind });
        }
        match Parsed::from(head, Self::FIRST_DATA_LEN_MAX) {
            Ok(_) => Ok(0),
            Err(PacketError::Short { expected, .. }) => {
                let missing = expected.max(LEN_MIN) - head.len();
                Ok(missing.min(head.len().max(Buffer::ROOM_MIN)))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the packet that these bytes begin with; what follows it is ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError`], saying what was found and what was expected.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacketError> {
        Parsed::from(bytes, Self::DATA_LEN_MAX).map(|parsed| parsed.to_packet())
    }

    /// The packet as it goes over the wire, for one write.
    pub fn encode(&self) -> Vec<u8> {
        let data_len = self.data.as_ref().map_or(0, Vec::len);
        let mut bytes = Vec::with_capacity(HEAD_LEN + data_len + 4);
        bytes.extend(self.kind.0.to_be_bytes());
        bytes.extend(self.zxid.to_be_bytes());
        put_buffer(&mut bytes, self.data.as_deref());
        bytes.extend((-1_i32).to_be_bytes());
        bytes
    }
}

impl fmt::Debug for QuorumPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x} ", self.kind, self.zxid)?;
        match &self.data {
            Some(data) => write!(f, "({} bytes)", data.len()),
            None => f.write_str("(no data)"),
        }
    }
}

/// A whole packet within the bytes that were read.
pub(super) struct Parsed<'a> {
    kind: PacketKind,
    zxid: i64,
    data: Option<&'a [u8]>,
    /// The packet ends behind this many bytes.
    pub(super) len: usize,
}

impl<'a> Parsed<'a> {
    /// Nothing is copied, and each length is checked as soon as it is there.
    pub(super) fn from(bytes: &'a [u8], data_len_max: usize) -> Result<Self, PacketError> {
        let mut reader = JuteReader::new(bytes);
        let (kind, zxid) = head(&mut reader).map_err(in_part(PacketKind(0), PacketPart::Data))?;
        let data = reader.buffer(data_len_max).map_err(in_part(kind, PacketPart::Data))?;
        let count = reader.count(AUTHINFO_MAX).map_err(in_part(kind, PacketPart::Authinfo))?;
        let mut left = AUTHINFO_LEN_MAX;
        for _ in 0..2 * count.unwrap_or(0) {
            let text = reader.buffer(left).map_err(in_part(kind, PacketPart::AuthinfoText))?;
            left -= text.map_or(0, <[u8]>::len);
        }
        Ok(Self { kind, zxid, data, len: reader.position() })
    }

    pub(super) fn to_packet(&self) -> QuorumPacket {
        let Self { kind, zxid, data, len: _ } = *self;
        QuorumPacket { kind, zxid, data: data.map(<[u8]>::to_vec) }
    }
}

fn head(reader: &mut JuteReader<'_>) -> Result<(PacketKind, i64), JuteError> {
    Ok((PacketKind(reader.int()?), reader.long()?))
}

fn in_part(kind: PacketKind, part: PacketPart) -> impl Fn(JuteError) -> PacketError {
    move |error| match error {
        JuteError::Short { found, expected } => PacketError::Short { found, expected },
        JuteError::Length { .. } | JuteError::Boolean { .. } | JuteError::Text { .. } => {
            PacketError::Length { kind, part, error }
        }
    }
}

impl fmt::Display for PacketPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "the data",
            Self::Authinfo => "the authinfo",
            Self::AuthinfoText => "a text in the authinfo",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet byte by byte: kind, zxid, length, data, entries, texts.
    fn raw(kind: i32, len: i32, data: &[u8], entries: i32, texts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(kind.to_be_bytes());
        bytes.extend(0x7_0000_0003_i64.to_be_bytes());
        bytes.extend(len.to_be_bytes());
        bytes.extend(data);
        bytes.extend(entries.to_be_bytes());
        for text in texts {
            put_buffer(&mut bytes, Some(text));
        }
        bytes
    }

    fn ping(data: Option<&[u8]>) -> QuorumPacket {
        let data = data.map(<[u8]>::to_vec);
        QuorumPacket { kind: PacketKind::PING, zxid: 0x7_0000_0003, data }
    }

    fn length(kind: i32, part: PacketPart, error: (i32, usize)) -> PacketError {
        let error = JuteError::Length { found: error.0, min: -1, max: error.1 };
        PacketError::Length { kind: PacketKind(kind), part, error }
    }

    #[test]
    fn a_log_shows_how_long_the_data_is_and_no_more() {
        assert_eq!(format!("{:?}", ping(Some(b"abc"))), "PING 0x700000003 (3 bytes)");
        assert_eq!(format!("{:?}", ping(None)), "PING 0x700000003 (no data)");
    }

    #[test]
    fn the_fields_stand_where_real_servers_write_them() {
        let none = raw(5, -1, b"", -1, &[]);
        assert_eq!(ping(None).encode(), none);
        assert_eq!(QuorumPacket::decode(&none), Ok(ping(None)));
        let empty = raw(5, 0, b"", -1, &[]);
        assert_eq!(ping(Some(b"")).encode(), empty, "empty is not none");
        assert_eq!(QuorumPacket::decode(&empty), Ok(ping(Some(b""))));
        let some = raw(5, 3, b"abc", -1, &[]);
        assert_eq!(ping(Some(b"abc")).encode(), some);
        assert_eq!(QuorumPacket::decode(&some), Ok(ping(Some(b"abc"))));
    }

    #[test]
    fn authinfo_is_read_past() {
        let texts: Vec<&[u8]> = [&b"digest"[..], b"me:secret"].repeat(AUTHINFO_MAX);
        let bytes = raw(5, 3, b"abc", 64, &texts);
        assert_eq!(QuorumPacket::decode(&bytes), Ok(ping(Some(b"abc"))));
        assert_eq!(QuorumPacket::decode(&raw(5, 3, b"abc", 0, &[])), Ok(ping(Some(b"abc"))));
        let found = bytes.len() - 1;
        let short = PacketError::Short { found, expected: bytes.len() };
        assert_eq!(QuorumPacket::decode(&bytes[..found]), Err(short));
    }

    #[test]
    fn lengths_no_packet_has_are_refused_as_soon_as_they_are_there() {
        let max = QuorumPacket::DATA_LEN_MAX;
        for len in [-2, i32::MIN, i32::MAX, 2 * 1024 * 1024 + 1] {
            let head = &raw(5, len, b"", -1, &[])[..HEAD_LEN];
            let error = length(5, PacketPart::Data, (len, max));
            assert_eq!(QuorumPacket::decode(head), Err(error));
        }
        for count in [-2, i32::MIN, i32::MAX, 65] {
            let error = length(5, PacketPart::Authinfo, (count, AUTHINFO_MAX));
            assert_eq!(QuorumPacket::decode(&raw(5, -1, b"", count, &[])), Err(error));
        }
        let longest = vec![7; AUTHINFO_LEN_MAX - 1];
        let whole = raw(5, -1, b"", 1, &[&longest, b"1"]);
        assert_eq!(QuorumPacket::decode(&whole), Ok(ping(None)));
        let error = length(5, PacketPart::AuthinfoText, (2, 1));
        let bytes = raw(5, -1, b"", 1, &[&longest, b"12"]);
        assert_eq!(QuorumPacket::decode(&bytes), Err(error));
    }

    #[test]
    fn the_longest_data_passes() {
        let packet = ping(Some(&vec![7; QuorumPacket::DATA_LEN_MAX]));
        assert_eq!(QuorumPacket::decode(&packet.encode()), Ok(packet));
    }

    /// Reads a first packet as a doorman does.
    fn read_first(stream: &[u8]) -> Result<Vec<u8>, PacketError> {
        let mut bytes = Vec::new();
        loop {
            match QuorumPacket::missing(&bytes)? {
                0 => return Ok(bytes),
                missing => {
                    assert!(missing <= bytes.len().max(Buffer::ROOM_MIN), "{missing}");
                    bytes.extend(&stream[bytes.len()..][..missing]);
                }
            }
        }
    }

    #[test]
    fn a_first_packet_is_read_to_its_end_and_no_further() {
        for data in [&b""[..], b"12345678901234567890", &vec![7; QuorumPacket::FIRST_DATA_LEN_MAX]]
        {
            let len = i32::try_from(data.len()).unwrap();
            for packet in
                [raw(11, len, data, -1, &[]), raw(16, len, data, 1, &[b"digest", b"me:secret"])]
            {
                let stream = [&packet[..], b"what follows"].concat();
                assert_eq!(read_first(&stream), Ok(packet));
            }
        }
    }

    #[test]
    fn what_cannot_become_a_first_packet_is_refused_as_soon_as_that_shows() {
        for kind in [5, 0, -1, i32::from_be_bytes(*b"GET ")] {
            let error = PacketError::First { kind: PacketKind(kind) };
            assert_eq!(QuorumPacket::missing(&kind.to_be_bytes()), Err(error));
        }
        let max = QuorumPacket::FIRST_DATA_LEN_MAX;
        for len in [-2, i32::MAX, 1024 * 1024 + 1] {
            let head = &raw(11, len, b"", -1, &[])[..HEAD_LEN];
            let error = length(11, PacketPart::Data, (len, max));
            assert_eq!(QuorumPacket::missing(head), Err(error));
        }
    }

    #[test]
    fn an_announced_length_asks_for_little_until_bytes_arrive() {
        let head = &raw(11, 1024 * 1024, b"", -1, &[])[..HEAD_LEN];
        assert_eq!(QuorumPacket::missing(head), Ok(Buffer::ROOM_MIN));
        assert_eq!(QuorumPacket::missing(&[]), Ok(4), "nothing else tells what it is");
        assert_eq!(QuorumPacket::missing(&head[..3]), Ok(1));
        assert_eq!(QuorumPacket::missing(&head[..4]), Ok(16), "no packet is shorter than 20 bytes");
    }

    #[test]
    fn errors_say_what_was_found_and_what_was_expected() {
        let error = QuorumPacket::decode(&raw(5, -2, b"", -1, &[])).unwrap_err().to_string();
        assert_eq!(error, "the data of PING: -2 as a length: expected -1 to 2097152");
        let error = QuorumPacket::decode(&raw(99, -1, b"", 65, &[])).unwrap_err().to_string();
        assert_eq!(error, "the authinfo of a packet of type 99: 65 as a length: expected -1 to 64");
        let error = QuorumPacket::missing(&5_i32.to_be_bytes()).unwrap_err().to_string();
        assert_eq!(error, "PING as the first packet: expected FOLLOWERINFO or OBSERVERINFO");
    }
}
