//! [`UntrustedText`]: text that somebody else wrote, made safe to show.
//!
//! Peers, files, arguments, names and the system's messages all end up in what we print. As they are, they could move
//! the cursor, hide or turn round what stands beside them, forge further lines, or be half a megabyte long. So errors
//! and events hold this type instead of a `String`: it escapes and shortens when it is made, and the text itself is
//! not kept, so nothing can print it by accident, however it is printed, and no sender decides how much is kept.

use std::{
    ffi::OsStr,
    fmt::{self, Write as _},
    path::Path,
};

/// Text from outside, escaped and shortened. `Display` is one line without any hidden character.
///
/// | found | shown |
/// | --- | --- |
/// | control characters, line ends among them | `\n`, `\t`, `\u{1b}` |
/// | marks that change the direction, separators of lines and paragraphs | `\u{202e}`, `\u{2028}` |
/// | what has no width or no ink: joiners, tags, variation selectors, blanks other than the plain one | `\u{200b}` |
/// | bytes that are not UTF-8 | `\xff` |
/// | what does not fit | `… (524180 more bytes)` |
///
/// A backslash is shown as it is, so text without any of these is shown as it is, and showing it twice changes nothing.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UntrustedText {
    shown: Box<str>,
    left_out: usize,
}

impl UntrustedText {
    /// At most this many bytes are shown, with escapes, if nothing else is asked for: any host name fits.
    pub const SHOWN_MAX: usize = 256;

    /// At most this many bytes of a path are shown.
    pub const PATH_SHOWN_MAX: usize = 1024;

    /// What this text, or anything that can be written as text, looks like.
    pub fn new(text: impl fmt::Display) -> Self {
        Self::shortened(text, Self::SHOWN_MAX)
    }

    /// The same with at most this many bytes shown.
    pub fn shortened(text: impl fmt::Display, shown_max: usize) -> Self {
        let mut shown = Escaping::new(shown_max);
        // Escaping never fails; a text that fails to write itself is shown as far as it came.
        let _ = write!(shown, "{text}");
        shown.finish()
    }

    /// What these bytes look like; they should be UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::bytes_shortened(bytes, Self::SHOWN_MAX)
    }

    /// What a path looks like. More of it is shown than of other texts, as its end says most.
    pub fn path(path: &Path) -> Self {
        Self::bytes_shortened(path.as_os_str().as_encoded_bytes(), Self::PATH_SHOWN_MAX)
    }

    /// What an argument or another string of the system looks like.
    pub fn os(text: &OsStr) -> Self {
        Self::from_bytes(text.as_encoded_bytes())
    }

    /// Whether a character is shown as an escape: it moves, hides, has no width, or is a blank but no plain one.
    pub fn is_escaped(c: char) -> bool {
        // The common case first: nearly all text is printable ASCII.
        !matches!(c, ' '..='~') && (c.is_control() || c.is_whitespace() || has_no_ink(c))
    }

    /// How many bytes of the text are not shown.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether there was nothing to show.
    pub const fn is_empty(&self) -> bool {
        self.shown.is_empty() && self.left_out == 0
    }

    /// What these bytes look like, with at most this many bytes shown.
    pub fn bytes_shortened(bytes: &[u8], shown_max: usize) -> Self {
        let mut shown = Escaping::new(shown_max);
        for chunk in bytes.utf8_chunks() {
            shown.text(chunk.valid());
            for byte in chunk.invalid() {
                shown.piece(&format!("\\x{byte:02x}"), 1);
            }
        }
        shown.finish()
    }
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)?;
        match self.left_out {
            0 => Ok(()),
            1 => f.write_str("… (1 more byte)"),
            more => write!(f, "… ({more} more bytes)"),
        }
    }
}

impl fmt::Debug for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&str> for UntrustedText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for UntrustedText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<std::io::Error> for UntrustedText {
    /// What the system said.
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

/// Takes text in pieces, and keeps what is to be shown of it.
struct Escaping {
    shown: String,
    shown_max: usize,
    left_out: usize,
}

impl Escaping {
    const fn new(shown_max: usize) -> Self {
        Self { shown: String::new(), shown_max, left_out: 0 }
    }

    fn text(&mut self, text: &str) {
        for (at, c) in text.char_indices() {
            if self.left_out > 0 {
                // Nothing fits any more, so what is left need not be looked at.
                self.left_out += text.len() - at;
                return;
            }
            if UntrustedText::is_escaped(c) {
                self.piece(&c.escape_default().to_string(), c.len_utf8());
            } else {
                self.piece(c.encode_utf8(&mut [0; 4]), c.len_utf8());
            }
        }
    }

    /// One character or byte as it is shown, whole or not at all; it stands for this many bytes of the text.
    fn piece(&mut self, shown: &str, bytes: usize) {
        if self.left_out > 0 || self.shown.len() + shown.len() > self.shown_max {
            self.left_out += bytes;
        } else {
            self.shown.push_str(shown);
        }
    }

    fn finish(self) -> UntrustedText {
        UntrustedText { shown: self.shown.into(), left_out: self.left_out }
    }
}

impl fmt::Write for Escaping {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// Characters that are not drawn, or that change how others are drawn: Unicode's `Default_Ignorable_Code_Point`, and
/// what else of its format characters has no shape of its own.
const fn has_no_ink(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        UntrustedText::new(text).to_string()
    }

    #[test]
    fn what_the_system_says_is_shown_in_its_words_and_nothing_is_empty() {
        assert_eq!(UntrustedText::os(OsStr::new("/tmp\u{7}")).to_string(), "/tmp\\u{7}");
        let full = std::io::Error::other("no space");
        assert_eq!(UntrustedText::from(full).to_string(), "no space");
        assert!(UntrustedText::from("").is_empty());
        assert!(!UntrustedText::from("a").is_empty());
        assert!(!UntrustedText::bytes_shortened(b"a", 0).is_empty(), "it was left out");
    }

    #[test]
    fn plain_text_is_shown_as_it_is() {
        for text in ["", "server.1", "zoo1.example:3888", r"C:\data", "größer, 漢字, 😀", "a `b` c"]
        {
            assert_eq!(shown(text), text);
            assert_eq!(shown(&shown(text)), text);
        }
    }

    #[test]
    fn whatever_moves_hides_or_forges_is_escaped() {
        assert_eq!(
            shown("a\x1b[2J\nb\r\tc\x07\0\x7f\u{9b}"),
            r"a\u{1b}[2J\nb\r\tc\u{7}\u{0}\u{7f}\u{9b}"
        );
        assert_eq!(shown("a\u{202e}b\u{2066}c\u{61c}"), r"a\u{202e}b\u{2066}c\u{61c}");
        assert_eq!(shown("a\u{2028}b\u{2029}c\u{85}"), r"a\u{2028}b\u{2029}c\u{85}");
        assert_eq!(shown("a\u{200b}\u{200d}\u{feff}\u{ad}"), r"a\u{200b}\u{200d}\u{feff}\u{ad}");
        assert_eq!(
            shown("a\u{fe0f}\u{e0041}\u{180e}\u{fff9}"),
            r"a\u{fe0f}\u{e0041}\u{180e}\u{fff9}"
        );
        assert_eq!(shown("a\u{a0}b\u{3000}"), r"a\u{a0}b\u{3000}");
    }

    #[test]
    fn what_does_not_fit_is_counted_in_bytes_of_the_text() {
        let long = "é".repeat(524_288);
        let text = UntrustedText::new(&long);
        assert_eq!(text.left_out(), long.len() - UntrustedText::SHOWN_MAX);
        assert!(shown(&long).ends_with("é… (1048320 more bytes)"), "{text}");
        assert_eq!(UntrustedText::shortened("abc", 2).to_string(), "ab… (1 more byte)");
        // An escape is shown as a whole, or not at all.
        assert_eq!(UntrustedText::shortened("a\nb", 2).to_string(), "a… (2 more bytes)");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_bytes() {
        assert_eq!(UntrustedText::from_bytes(b"a\xffb\xc3").to_string(), r"a\xffb\xc3");
        assert_eq!(UntrustedText::from_bytes(&[0xff; 100]).left_out(), 100 - 256 / 4);
        assert_eq!(UntrustedText::path(Path::new("a\nb/c.json")).to_string(), r"a\nb/c.json");
    }

    #[test]
    fn debug_shows_no_more_than_display() {
        assert_eq!(format!("{:?}", UntrustedText::new("a\x1b\"")), r#""a\u{1b}"""#);
    }

    /// Strings in which what has to be escaped is not rare.
    fn hostile_text() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec![
            '\0',
            '\x1b',
            '\n',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{202e}',
            '\u{2069}',
            '\u{feff}',
            '\u{fe0f}',
            '\u{e007f}',
            '\u{10ffff}',
        ]);
        prop::collection::vec(prop_oneof![any::<char>(), odd, Just('a')], 0..400)
            .prop_map(String::from_iter)
    }

    /// Nothing that a terminal obeys, draws nowhere, or takes for the end of a line. Written apart from the table above.
    fn is_harmless(c: char) -> bool {
        let blank = c == ' ' || !c.is_whitespace();
        let bidi = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let no_width =
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{180e}\u{fff9}\u{fffa}\u{fffb}";
        let tag = ('\u{e0000}'..='\u{e0fff}').contains(&c);
        blank && !c.is_control() && !bidi.contains(c) && !no_width.contains(c) && !tag
    }

    proptest! {
        #[test]
        fn no_text_brings_through_what_is_not_harmless(text in hostile_text()) {
            for shown in [shown(&text), format!("{:?}", UntrustedText::new(&text))] {
                prop_assert!(shown.chars().all(is_harmless), "{shown:?}");
            }
        }

        #[test]
        fn no_bytes_bring_through_what_is_not_harmless(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let shown = UntrustedText::from_bytes(&bytes).to_string();
            prop_assert!(shown.chars().all(is_harmless), "{shown:?}");
            prop_assert!(shown.len() <= UntrustedText::SHOWN_MAX + 40);
        }

        #[test]
        fn what_is_kept_is_bounded_and_what_is_left_out_is_told(text in hostile_text(), max in 0..300_usize) {
            let kept = UntrustedText::shortened(&text, max);
            prop_assert!(kept.shown.len() <= max);
            prop_assert!(kept.left_out() <= text.len());
            prop_assert_eq!(kept.left_out() > 0, kept.to_string().contains(" more byte"));
        }

        #[test]
        fn what_is_shown_once_is_shown_alike_again(text in hostile_text()) {
            let once = UntrustedText::shortened(&text, usize::MAX).to_string();
            prop_assert_eq!(UntrustedText::shortened(&once, usize::MAX).to_string(), once);
        }

        #[test]
        fn it_does_not_matter_in_which_pieces_a_text_comes(text in hostile_text(), at in any::<prop::sample::Index>()) {
            let at = (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (head, tail) = text.split_at(at);
            prop_assert_eq!(UntrustedText::new(format_args!("{head}{tail}")), UntrustedText::new(&text));
        }
    }
}
