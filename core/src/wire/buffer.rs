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
