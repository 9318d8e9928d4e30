//! [`JuteReader`]: the fields of which ZooKeeper's records consist, in order.
//!
//! Integers are big endian and signed, a boolean is one byte, and before bytes and text stands an `i32`: their length, -1
//! for none. Nothing is copied: what is read is a part of what was given.

/// Reads fields from bytes that are all there, or not yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JuteReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why bytes are not the field that should stand there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JuteError {
    /// They end within the field.
    #[error("{found} bytes: expected at least {expected}")]
    Short {
        /// How many there are.
        found: usize,
        /// How many there have to be, at least.
        expected: usize,
    },
    /// A length or a number of entries that is out of bounds.
    #[error("{found} as a length: expected {min} to {max}")]
    Length {
        /// What stands there.
        found: i32,
        /// -1 where there may be nothing, else 0.
        min: i32,
        /// At most this much is read.
        max: usize,
    },
    /// A boolean that is neither.
    #[error("{found} as yes or no: expected 1 or 0")]
    Boolean {
        /// What stands there.
        found: u8,
    },
    /// Text that is none.
    #[error("text that is not UTF-8 from its byte {at} on")]
    Text {
        /// The first byte that does not fit, counted from 0.
        at: usize,
    },
}

impl<'a> JuteReader<'a> {
    /// Begins with the first of these bytes.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// A field of 4 bytes.
    ///
    /// # Errors
    ///
    /// [`JuteError::Short`]. Nothing is read then.
    pub(crate) fn int(&mut self) -> Result<i32, JuteError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A field of 8 bytes.
    ///
    /// # Errors
    ///
    /// [`JuteError::Short`]. Nothing is read then.
    pub(crate) fn long(&mut self) -> Result<i64, JuteError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Yes or no.
    ///
    /// # Errors
    ///
    /// [`JuteError::Short`] and [`JuteError::Boolean`].
    pub(crate) fn boolean(&mut self) -> Result<bool, JuteError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [found] => Err(JuteError::Boolean { found }),
        }
    }

    /// Bytes with a length before them, or none.
    ///
    /// # Errors
    ///
    /// [`JuteError::Length`] above `max`, as soon as the length is there, and [`JuteError::Short`].
    pub(crate) fn buffer(&mut self, max: usize) -> Result<Option<&'a [u8]>, JuteError> {
        match self.int()? {
            -1 => Ok(None),
            found => self.take(check_length(found, -1, max)?).map(Some),
        }
    }

    /// Bytes with a length before them, which must be there.
    ///
    /// # Errors
    ///
    /// As [`JuteReader::buffer`].
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], JuteError> {
        let len = self.int()?;
        self.take(check_length(len, 0, max)?)
    }

    /// Text with a length before it, which must be there.
    ///
    /// # Errors
    ///
    /// As [`JuteReader::bytes`], and [`JuteError::Text`].
    pub(crate) fn text(&mut self, max: usize) -> Result<&'a str, JuteError> {
        let text = self.bytes(max)?;
        std::str::from_utf8(text).map_err(|error| JuteError::Text { at: error.valid_up_to() })
    }

    /// The number of entries that follow, or -1 for no list at all.
    ///
    /// # Errors
    ///
    /// [`JuteError::Length`] above `max`, and [`JuteError::Short`].
    pub(crate) fn count(&mut self, max: usize) -> Result<Option<usize>, JuteError> {
        match self.int()? {
            -1 => Ok(None),
            found => check_length(found, -1, max).map(Some),
        }
    }

    /// The next `len` bytes, as they are.
    ///
    /// # Errors
    ///
    /// [`JuteError::Short`]. Nothing is read then.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], JuteError> {
        let expected = self.at.saturating_add(len);
        let short = JuteError::Short { found: self.bytes.len(), expected };
        let taken = self.bytes.get(self.at..expected).ok_or(short)?;
        self.at = expected;
        Ok(taken)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], JuteError> {
        let short = JuteError::Short { found: self.bytes.len(), expected: self.at + LEN };
        let (array, _) = self.bytes[self.at..].split_first_chunk().ok_or(short)?;
        self.at += LEN;
        Ok(*array)
    }
}

/// A length that was read, if it is within its bounds.
pub(super) fn check_length(found: i32, min: i32, max: usize) -> Result<usize, JuteError> {
    match usize::try_from(found) {
        Ok(length) if length <= max => Ok(length),
        _ => Err(JuteError::Length { found, min, max }),
    }
}

/// Writes bytes with their length before them, -1 for none. What we write is far shorter than an `i32` can say.
pub(crate) fn put_buffer(into: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let length = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    into.extend(length.to_be_bytes());
    into.extend(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_their_order() {
        let mut bytes = Vec::new();
        bytes.extend(7_i32.to_be_bytes());
        bytes.extend((-7_i64).to_be_bytes());
        bytes.extend([1, 0]);
        put_buffer(&mut bytes, Some(b"abc"));
        put_buffer(&mut bytes, Some(b""));
        put_buffer(&mut bytes, None);
        put_buffer(&mut bytes, Some("é".as_bytes()));
        bytes.extend(2_i32.to_be_bytes());
        bytes.push(9);
        let mut reader = JuteReader::new(&bytes);
        assert_eq!(reader.int(), Ok(7));
        assert_eq!(reader.long(), Ok(-7));
        assert_eq!((reader.boolean(), reader.boolean()), (Ok(true), Ok(false)));
        assert_eq!(reader.buffer(3), Ok(Some(&b"abc"[..])));
        assert_eq!(reader.buffer(0), Ok(Some(&b""[..])), "empty is not none");
        assert_eq!(reader.buffer(0), Ok(None));
        assert_eq!(reader.text(2), Ok("é"));
        assert_eq!(reader.count(2), Ok(Some(2)));
        assert_eq!(reader.take(1), Ok(&[9][..]));
        assert_eq!(reader.position(), bytes.len());
    }

    #[test]
    fn what_ends_early_says_how_much_is_missing_at_least() {
        let short = |expected, found| JuteError::Short { found, expected };
        assert_eq!(JuteReader::new(&[0; 3]).int(), Err(short(4, 3)));
        assert_eq!(JuteReader::new(&[]).long(), Err(short(8, 0)));
        assert_eq!(JuteReader::new(&[]).boolean(), Err(short(1, 0)));
        assert_eq!(JuteReader::new(&[0, 0, 0, 9, 1]).buffer(9), Err(short(13, 5)));
        assert_eq!(JuteReader::new(&[0, 0, 0, 9, 1]).text(9), Err(short(13, 5)));
        assert_eq!(JuteReader::new(&[1]).take(usize::MAX), Err(short(usize::MAX, 1)));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_before_anything_is_taken() {
        for (found, max) in [(-2, 9), (i32::MIN, 9), (10, 9), (i32::MAX, 9)] {
            let bytes = found.to_be_bytes();
            let error = JuteError::Length { found, min: -1, max };
            assert_eq!(JuteReader::new(&bytes).buffer(max), Err(error));
            assert_eq!(JuteReader::new(&bytes).count(max), Err(error));
            let error = JuteError::Length { found, min: 0, max };
            assert_eq!(JuteReader::new(&bytes).text(max), Err(error));
        }
        let none = (-1_i32).to_be_bytes();
        let error = JuteError::Length { found: -1, min: 0, max: 9 };
        assert_eq!(JuteReader::new(&none).text(9), Err(error), "text must be there");
        assert_eq!(JuteReader::new(&none).count(9), Ok(None));
        assert_eq!(JuteReader::new(&[2]).boolean(), Err(JuteError::Boolean { found: 2 }));
        let text = [0, 0, 0, 2, b'a', 0xff];
        assert_eq!(JuteReader::new(&text).text(2), Err(JuteError::Text { at: 1 }));
    }
}
