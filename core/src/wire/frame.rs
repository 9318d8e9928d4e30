//! [`Frame`] and [`FrameBuffer`]: bodies with a length before them, one written at a time, any number read at a time.

use std::{fmt, sync::Arc};

use super::buffer::Buffer;

const PREFIX_LEN: usize = 4;

/// A frame ready to be written: the length, then the body. Cloning it is cheap.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Frame(Arc<[u8]>);

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// The length is zero, negative, or larger than any notification.
    #[error("a frame of {len} bytes: expected 1 to {}", Frame::LEN_MAX)]
    Length {
        /// The length that was found.
        len: i64,
    },
}

impl Frame {
    /// The longest body real servers accept (`PACKETMAXSIZE` of `QuorumCnxManager`).
    pub const LEN_MAX: usize = 512 * 1024;

    /// A frame around this body.
    ///
    /// # Errors
    ///
    /// [`FrameError::Length`] for an empty body and for one above [`Frame::LEN_MAX`].
    pub fn new(body: &[u8]) -> Result<Self, FrameError> {
        let too_long = FrameError::Length { len: i64::try_from(body.len()).unwrap_or(i64::MAX) };
        let prefix = i32::try_from(body.len()).map_err(|_| too_long)?;
        check_len(prefix)?;
        Ok(Self([&prefix.to_be_bytes()[..], body].concat().into()))
    }

    /// What the frame carries.
    pub fn body(&self) -> &[u8] {
        &self.0[PREFIX_LEN..]
    }

    /// What goes over the wire: the length and the body, for one write.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.body().len())
    }
}

fn check_len(len: i32) -> Result<usize, FrameError> {
    match usize::try_from(len) {
        Ok(bytes @ 1..=Frame::LEN_MAX) => Ok(bytes),
        _ => Err(FrameError::Length { len: i64::from(len) }),
    }
}

/// Cuts a stream of bytes into frames, however it was split on its way.
///
/// It grows with what has arrived, not with what was announced: a length alone costs nothing.
#[derive(Debug, Default)]
pub struct FrameBuffer(Buffer);

impl FrameBuffer {
    /// Where the next bytes of the stream are to be put.
    pub fn room(&mut self) -> &mut [u8] {
        self.0.room()
    }

    /// This many bytes were put into the room.
    pub fn filled(&mut self, count: usize) {
        self.0.filled(count);
    }

    /// Takes out the next whole frame, if there is one.
    ///
    /// # Errors
    ///
    /// [`FrameError`] for a length that no frame has. The stream is lost then: nothing tells where the next one begins.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let frame = self.first_frame()?;
        if let Some(frame) = &frame {
            self.0.take_out(frame.as_bytes().len());
        }
        Ok(frame)
    }

    /// How many bytes are held that were not taken out.
    pub fn len(&self) -> usize {
        self.0.held().len()
    }

    /// Whether all that was put in was taken out.
    pub fn is_empty(&self) -> bool {
        self.0.held().is_empty()
    }

    /// The next whole frame, if there is one. It is not taken out.
    ///
    /// # Errors
    ///
    /// As [`FrameBuffer::next_frame`].
    pub fn first_frame(&self) -> Result<Option<Frame>, FrameError> {
        Ok(self.whole_frame()?.map(|len| Frame(self.0.held()[..len].into())))
    }

    /// Whether the next frame is there as a whole.
    ///
    /// # Errors
    ///
    /// As [`FrameBuffer::next_frame`].
    pub fn has_frame(&self) -> Result<bool, FrameError> {
        Ok(self.whole_frame()?.is_some())
    }

    /// Whether a frame has begun.
    pub fn is_partial(&self) -> bool {
        !self.is_empty()
    }

    /// The size of the next frame with its length, if all of it is there.
    fn whole_frame(&self) -> Result<Option<usize>, FrameError> {
        let Some((prefix, rest)) = self.0.held().split_first_chunk::<PREFIX_LEN>() else {
            return Ok(None);
        };
        let len = check_len(i32::from_be_bytes(*prefix))?;
        Ok((rest.len() >= len).then_some(PREFIX_LEN + len))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(buffer: &mut FrameBuffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = buffer.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            buffer.filled(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn lengths_no_frame_has_are_refused_before_anything_is_kept() {
        for len in [0, -1, -20, i32::MIN, i32::MAX, 512 * 1024 + 1, 1 << 30] {
            let mut buffer = FrameBuffer::default();
            feed(&mut buffer, &i32::to_be_bytes(len));
            assert_eq!(buffer.next_frame(), Err(FrameError::Length { len: i64::from(len) }));
        }
        assert!(Frame::new(&[]).is_err());
        assert!(Frame::new(&vec![0; Frame::LEN_MAX + 1]).is_err());
    }

    #[test]
    fn how_much_of_a_frame_is_there_is_seen_without_taking_it_out() {
        let frame = Frame::new(b"abc").unwrap();
        assert_eq!(frame.as_ref(), [0, 0, 0, 3, b'a', b'b', b'c']);
        assert_eq!(format!("{frame:?}"), "Frame(3 bytes)", "bodies are not for logs");
        let mut buffer = FrameBuffer::default();
        assert!(buffer.is_empty() && !buffer.is_partial());
        feed(&mut buffer, &frame.as_bytes()[..6]);
        assert_eq!((buffer.len(), buffer.has_frame()), (6, Ok(false)));
        assert!(!buffer.is_empty() && buffer.is_partial());
        feed(&mut buffer, &frame.as_bytes()[6..]);
        assert_eq!((buffer.len(), buffer.has_frame()), (7, Ok(true)));
        assert_eq!(buffer.first_frame(), Ok(Some(frame)));
        assert_eq!(buffer.len(), 7);
    }

    #[test]
    fn an_announced_length_costs_nothing_until_bytes_arrive() {
        let mut buffer = FrameBuffer::default();
        feed(&mut buffer, &i32::to_be_bytes(512 * 1024));
        assert_eq!(buffer.next_frame(), Ok(None));
        assert!(buffer.0.capacity() <= 2 * Buffer::ROOM_MIN);
    }

    #[test]
    fn the_largest_frame_passes_and_its_memory_is_let_go() {
        let frame = Frame::new(&vec![7; Frame::LEN_MAX]).unwrap();
        let mut buffer = FrameBuffer::default();
        feed(&mut buffer, frame.as_bytes());
        assert_eq!(buffer.next_frame(), Ok(Some(frame)));
        assert_eq!(buffer.0.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 1..8),
            cuts in prop::collection::vec(1usize..5000, 1..20),
        ) {
            let frames: Vec<_> = bodies.iter().map(|body| Frame::new(body).unwrap()).collect();
            let stream: Vec<u8> = frames.iter().flat_map(|f| f.as_bytes().to_vec()).collect();
            let (mut rest, mut got, mut buffer) = (&stream[..], Vec::new(), FrameBuffer::default());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                feed(&mut buffer, now);
                while let Some(frame) = buffer.next_frame().unwrap() {
                    got.push(frame);
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(got, frames);
            prop_assert!(!buffer.is_partial());
        }
    }
}
