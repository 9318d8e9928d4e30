//! [`Buffer`]: the bytes of a stream that have come and were not taken out.

/// It grows with what has arrived: at most two times as large as the most it has held, and a little.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// How much room there is for what comes next, at least; most frames and packets are far smaller.
    pub(super) const ROOM_MIN: usize = 1024;

    /// Where the next bytes of the stream are to be put.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() < self.end + Self::ROOM_MIN {
            // Doubling keeps the copying linear; what was read so far bounds it.
            self.bytes.resize(self.end * 2 + Self::ROOM_MIN, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// This many bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// What has come and was not taken out.
    pub(super) fn held(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// This many bytes, of those held, are dealt with.
    pub(super) fn take_out(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.let_go();
        }
    }

    /// Frees the memory of something large, which would otherwise be kept for the life of the link.
    fn let_go(&mut self) {
        (self.start, self.end) = (0, 0);
        if self.bytes.len() > 16 * Self::ROOM_MIN {
            self.bytes = Vec::new();
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills all the room there is until this much is held, and returns how often that takes.
    fn fill(buffer: &mut Buffer, len: usize) -> usize {
        let mut times = 0;
        while buffer.held().len() < len {
            let room = buffer.room().len();
            buffer.filled(room.min(len - buffer.held().len()));
            times += 1;
        }
        times
    }

    #[test]
    fn something_large_comes_in_few_pieces_and_what_it_needed_is_freed() {
        let mut buffer = Buffer::default();
        assert!(fill(&mut buffer, 512 * 1024) <= 10);
        assert!(buffer.capacity() <= 2 * 512 * 1024 + Buffer::ROOM_MIN);
        buffer.take_out(512 * 1024);
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn what_common_frames_need_is_kept() {
        let mut buffer = Buffer::default();
        fill(&mut buffer, 4096);
        let capacity = buffer.capacity();
        buffer.take_out(4096);
        assert_eq!(buffer.capacity(), capacity);
    }

    #[test]
    fn a_stream_of_which_a_piece_is_always_held_needs_no_more_room_than_that() {
        let mut buffer = Buffer::default();
        for turn in 0..1000_usize {
            let room = buffer.room();
            room[..600].fill(u8::try_from(turn % 251).unwrap());
            buffer.filled(600);
            // One byte of each time is left for the next.
            buffer.take_out(if turn == 0 { 599 } else { 600 });
            assert_eq!(buffer.held(), [u8::try_from(turn % 251).unwrap()]);
        }
        assert!(buffer.capacity() <= 4 * Buffer::ROOM_MIN, "{}", buffer.capacity());
    }
}
