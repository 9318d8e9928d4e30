//! [`PacketStream`]: cuts one direction of a connection into packets.

use super::{
    buffer::Buffer,
    packet::{PacketError, Parsed, QuorumPacket},
    packet_kind::PacketKind,
    snapshot::{SnapshotError, SnapshotReader},
};

/// Cuts a stream of bytes into packets, however it was split on its way.
///
/// It grows with what has arrived, not with what was announced. A snapshot, which may be as large as all data of an ensemble, costs
/// nothing: it is read past as it comes.
#[derive(Debug)]
pub struct PacketStream {
    buffer: Buffer,
    snapshots: Snapshots,
}

#[derive(Debug)]
enum Snapshots {
    /// A learner sends none.
    Never,
    BehindEachSnap,
    /// It is being read past.
    Within {
        snap: QuorumPacket,
        reader: SnapshotReader,
    },
}

/// Why a stream cannot be read any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StreamError {
    /// What came is no packet.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// What came after a SNAP is no snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl PacketStream {
    /// What a leader hears.
    pub fn from_learner() -> Self {
        Self { buffer: Buffer::default(), snapshots: Snapshots::Never }
    }

    /// What a learner hears: behind each SNAP stands a snapshot.
    pub fn from_leader() -> Self {
        Self { buffer: Buffer::default(), snapshots: Snapshots::BehindEachSnap }
    }

    /// Where the next bytes of the stream are to be put.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.room()
    }

    /// This many bytes were put into the room. They are a sign of life, whether or not they complete a packet.
    pub fn filled(&mut self, count: usize) {
        self.buffer.filled(count);
    }

    /// Takes out the next whole packet, if there is one. A SNAP comes out when its snapshot was read to the end.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. The stream is lost then: nothing tells where the next packet begins.
    pub fn next_packet(&mut self) -> Result<Option<QuorumPacket>, StreamError> {
        if matches!(self.snapshots, Snapshots::Within { .. }) {
            return self.end_of_snapshot();
        }
        let parsed = match Parsed::from(self.buffer.held(), QuorumPacket::DATA_LEN_MAX) {
            Ok(parsed) => parsed,
            Err(PacketError::Short { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (packet, len) = (parsed.to_packet(), parsed.len);
        self.buffer.take_out(len);
        if packet.kind == PacketKind::SNAP && matches!(self.snapshots, Snapshots::BehindEachSnap) {
            let reader = SnapshotReader::default();
            self.snapshots = Snapshots::Within { snap: packet, reader };
            return self.end_of_snapshot();
        }
        Ok(Some(packet))
    }

    /// How many bytes are held that were not taken out.
    pub fn held_len(&self) -> usize {
        self.buffer.held().len()
    }

    /// Whether a packet has begun, and no snapshot, which takes as long as it takes.
    pub fn is_partial(&self) -> bool {
        !self.is_in_snapshot() && !self.buffer.held().is_empty()
    }

    /// Whether a snapshot has begun.
    pub const fn is_in_snapshot(&self) -> bool {
        matches!(self.snapshots, Snapshots::Within { .. })
    }

    /// Reads past what has come of a snapshot. At its end the SNAP before it comes out.
    fn end_of_snapshot(&mut self) -> Result<Option<QuorumPacket>, StreamError> {
        let Snapshots::Within { reader, .. } = &mut self.snapshots else { return Ok(None) };
        let taken = reader.read(self.buffer.held())?;
        self.buffer.take_out(taken);
        if !reader.is_over() {
            return Ok(None);
        }
        match std::mem::replace(&mut self.snapshots, Snapshots::BehindEachSnap) {
            Snapshots::Within { snap, .. } => Ok(Some(snap)),
            Snapshots::Never | Snapshots::BehindEachSnap => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(kind: PacketKind, data: Option<&[u8]>) -> QuorumPacket {
        QuorumPacket { kind, zxid: 1 << 32, data: data.map(<[u8]>::to_vec) }
    }

    /// An empty tree: no session, no rights, one node.
    fn snapshot() -> Vec<u8> {
        [&[0; 16][..], &[0xff; 68], b"\0\0\0\x01/\0\0\0\x0aBenWasHere"].concat()
    }

    /// All packets of a stream that comes in pieces. Between them the memory stays within what has come.
    fn packets(
        mut stream: PacketStream,
        bytes: &[u8],
        cuts: &[usize],
    ) -> (Vec<QuorumPacket>, Result<(), StreamError>) {
        let (mut rest, mut found, mut untaken) = (bytes, Vec::new(), 0);
        for cut in cuts.iter().cycle() {
            let room = stream.room();
            let count = room.len().min(*cut).min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            stream.filled(count);
            rest = &rest[count..];
            untaken += count;
            assert_eq!(stream.held_len(), stream.buffer.held().len());
            assert!(stream.buffer.capacity() <= 16 * Buffer::ROOM_MIN + 2 * untaken);
            loop {
                match stream.next_packet() {
                    Ok(Some(packet)) => found.push(packet),
                    Ok(None) => break,
                    Err(error) => return (found, Err(error)),
                }
            }
            if !stream.is_partial() {
                untaken = 0;
            }
            if rest.is_empty() {
                break;
            }
        }
        (found, Ok(()))
    }

    #[test]
    fn a_snap_comes_out_when_its_snapshot_is_over_and_not_before() {
        let snap = packet(PacketKind::SNAP, None);
        let bytes = [snap.encode(), snapshot()].concat();
        let mut stream = PacketStream::from_leader();
        let last = bytes.len() - 1;
        for (at, byte) in bytes.iter().enumerate() {
            assert_eq!(stream.is_in_snapshot(), at >= 20, "{at}");
            assert_eq!(stream.is_partial(), (1..20).contains(&at), "{at}");
            stream.room()[0] = *byte;
            stream.filled(1);
            assert_eq!(stream.is_partial(), at < 20, "{at}");
            let expected = (at == last).then(|| snap.clone());
            assert_eq!(stream.next_packet(), Ok(expected), "{at}");
        }
        assert!(!stream.is_in_snapshot() && !stream.is_partial());
    }

    #[test]
    fn a_learner_sends_no_snapshots() {
        let snap = packet(PacketKind::SNAP, None);
        let bytes = [snap.encode(), snap.encode()].concat();
        let (found, outcome) = packets(PacketStream::from_learner(), &bytes, &[40]);
        assert_eq!((found, outcome), (vec![snap.clone(), snap], Ok(())));
    }

    #[test]
    fn a_long_snapshot_needs_no_memory() {
        let mut stream = PacketStream::from_leader();
        let snap = packet(PacketKind::SNAP, None).encode();
        // A hundred million sessions.
        let begin = [&snap[..], &100_000_000_i32.to_be_bytes()].concat();
        stream.room()[..begin.len()].copy_from_slice(&begin);
        stream.filled(begin.len());
        for _ in 0..10_000 {
            assert_eq!(stream.next_packet(), Ok(None));
            let count = stream.room().len();
            stream.filled(count);
            assert!(stream.buffer.capacity() <= 2 * Buffer::ROOM_MIN);
        }
    }

    #[test]
    fn an_announced_length_costs_nothing_until_bytes_arrive() {
        let longest = packet(PacketKind::PING, Some(&vec![7; QuorumPacket::DATA_LEN_MAX])).encode();
        let mut stream = PacketStream::from_learner();
        stream.room()[..16].copy_from_slice(&longest[..16]);
        stream.filled(16);
        assert_eq!(stream.next_packet(), Ok(None));
        assert!(stream.buffer.capacity() <= 2 * Buffer::ROOM_MIN);
        let (found, outcome) = packets(PacketStream::from_learner(), &longest, &[4096]);
        assert_eq!((found.len(), outcome), (1, Ok(())));
    }

    #[test]
    fn what_is_no_packet_and_what_is_no_snapshot_end_the_stream() {
        let mut bytes = packet(PacketKind::PING, None).encode();
        bytes.extend(b"GET / HTTP/1.1\r\n\r\n");
        let (found, outcome) = packets(PacketStream::from_leader(), &bytes, &[7]);
        assert_eq!(found.len(), 1);
        assert!(matches!(outcome, Err(StreamError::Packet(_))), "{outcome:?}");
        let mut bytes = packet(PacketKind::SNAP, None).encode();
        bytes.extend([0xff; 20]);
        let (found, outcome) = packets(PacketStream::from_leader(), &bytes, &[7]);
        assert_eq!(found.len(), 0);
        assert!(matches!(outcome, Err(StreamError::Snapshot(_))), "{outcome:?}");
    }

    fn any_packet() -> impl Strategy<Value = QuorumPacket> {
        let data = prop::option::of(prop::collection::vec(any::<u8>(), 0..3000));
        (any::<i32>(), any::<i64>(), data).prop_map(|(kind, zxid, data)| QuorumPacket {
            kind: PacketKind(kind),
            zxid,
            data,
        })
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_packets(
            sent in prop::collection::vec(
                prop_oneof![any_packet(), Just(packet(PacketKind::SNAP, None))], 1..8),
            cuts in prop::collection::vec(1usize..5000, 1..20),
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|packet| {
                let behind = if packet.kind == PacketKind::SNAP { snapshot() } else { Vec::new() };
                [packet.encode(), behind].concat()
            }).collect();
            let (found, outcome) = packets(PacketStream::from_leader(), &bytes, &cuts);
            prop_assert_eq!((found, outcome), (sent, Ok(())));
        }

        #[test]
        fn no_bytes_at_all_can_stop_the_reader(
            begin in prop_oneof![
                Just(Vec::new()),
                Just(packet(PacketKind::SNAP, None).encode()),
                any_packet().prop_map(|packet| packet.encode()),
            ],
            bytes in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], 0..300),
            cuts in prop::collection::vec(1usize..100, 1..20),
        ) {
            let bytes = [begin, bytes].concat();
            let (found, outcome) = packets(PacketStream::from_leader(), &bytes, &cuts);
            let kept = found.iter().flat_map(|packet| &packet.data).map(Vec::capacity);
            prop_assert!(kept.sum::<usize>() <= bytes.len());
            let whole = packets(PacketStream::from_leader(), &bytes, &[bytes.len().max(1)]);
            prop_assert_eq!((found, outcome), whole, "the split makes no difference");
        }
    }
}
