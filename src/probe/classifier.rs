//! [`Classifier`]: what the bytes that come back are.

use ballotbox_core::{UntrustedText, wire::FrameBuffer};

use super::NoAnswer;
use crate::election::Notification;

/// At most this many bytes of an unknown answer are shown.
const SHOWN_MAX: usize = 24;

/// The first bytes of a TLS record that a server sends to someone who does not speak it: an alert or a hello, 3.x.
const TLS: [[u8; 2]; 2] = [[0x15, 0x03], [0x16, 0x03]];

/// Takes what a server sends, and tells what it is.
#[derive(Debug, Default)]
pub(super) struct Classifier {
    frames: FrameBuffer,
    head: Vec<u8>,
    malformed: Option<NoAnswer>,
}

impl Classifier {
    /// Where the next bytes are to be put.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.frames.room()
    }

    /// This many bytes were put into the room.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], as soon as this cannot become an answer any more.
    pub(super) fn filled(&mut self, count: usize) -> Result<(), NoAnswer> {
        // `room` begins behind what is there already, so the new bytes are at its front before it moves on.
        let missing = SHOWN_MAX.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(&self.frames.room()[..missing]);
        self.frames.filled(count);
        if self.head.len() >= 2 && TLS.iter().any(|start| self.head.starts_with(start)) {
            return Err(NoAnswer::WantsTls);
        }
        Ok(())
    }

    /// The next notification among what has arrived. Frames that are none are passed over, but remembered.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::AnotherProgram`], when these are no frames.
    pub(super) fn next(&mut self) -> Result<Option<Notification>, NoAnswer> {
        loop {
            match self.frames.next_frame() {
                Err(_) => return Err(NoAnswer::AnotherProgram { found: printable(&self.head) }),
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => match Notification::decode(frame.body()) {
                    Ok(notification) => return Ok(Some(notification)),
                    Err(error) => self.malformed = Some(NoAnswer::Malformed(error)),
                },
            }
        }
    }

    /// What to say of a server that closed, or that fell silent: `otherwise`, if it sent nothing.
    pub(super) fn verdict(self, otherwise: NoAnswer) -> NoAnswer {
        match self.malformed {
            Some(malformed) => malformed,
            None if self.head.is_empty() => otherwise,
            None => NoAnswer::AnotherProgram { found: printable(&self.head) },
        }
    }
}

/// How bytes of a stranger look. They may be no text at all.
fn printable(bytes: &[u8]) -> UntrustedText {
    UntrustedText::new(bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn classifier(bytes: &[u8]) -> Result<Option<Notification>, NoAnswer> {
        let mut classifier = Classifier::default();
        for chunk in bytes.chunks(3) {
            classifier.room()[..chunk.len()].copy_from_slice(chunk);
            classifier.filled(chunk.len())?;
        }
        match classifier.next()? {
            Some(notification) => Ok(Some(notification)),
            None => Err(classifier.verdict(NoAnswer::Closed)),
        }
    }

    #[test]
    fn what_is_no_answer_gets_a_verdict() {
        let refused = |bytes: &[u8]| classifier(bytes).unwrap_err();
        assert_eq!(refused(b""), NoAnswer::Closed);
        assert_eq!(refused(&[0x15, 3, 3, 0, 2, 2, 10]), NoAnswer::WantsTls);
        let found = "HTTP/1.1 400 Bad Request".into();
        let page = b"HTTP/1.1 400 Bad Request\r\n\r\n<html>";
        assert_eq!(refused(page), NoAnswer::AnotherProgram { found });
        let found = "\\x00\\x00\\x00\\thalf".into();
        assert_eq!(refused(b"\0\0\0\x09half"), NoAnswer::AnotherProgram { found });
        let error = refused(b"\0\0\0\x05hello");
        assert_eq!(error.kind(), "malformed");
        assert!(error.to_string().contains("5 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_can_stop_the_judge(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = classifier(&bytes);
        }
    }
}
