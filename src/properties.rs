//! The syntax of Java's properties files, as far as reading goes (`java.util.Properties.load`).
//!
//! A logical line is a key, a separator (`=`, `:` or a blank) and a value. A backslash at the end of a line joins the
//! next one to it, without that one's leading blanks; before any other character it takes away that character's
//! meaning, or gives it one: `\t`, `\n`, `\r`, `\f` and `\u` with four hexadecimal digits. Lines that begin with `#`
//! or `!` are comments, and cannot be continued. Java reads bytes as ISO-8859-1; we try UTF-8 first.

use std::str::Chars;

use ballotbox_actors::UntrustedText;

/// What counts as blank; a line end is none.
const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// One key with its value, both trimmed as ZooKeeper trims them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: String,
    /// The line it begins in, from 1.
    pub(crate) line: usize,
    /// Whether it is all ASCII as written, so that the character set does not matter.
    pub(crate) ascii: bool,
}

/// Why a text is not in the syntax of properties.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "line {line}: `\\u{found}` is not a character: expected \\u and four hexadecimal digits, surrogates in pairs"
)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// What stands behind the `\u`.
    pub found: UntrustedText,
}

/// The text of a file, and what was peculiar about its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Source {
    pub(crate) text: String,
    /// Whether it began with a byte order mark, which is not in the text any more.
    pub(crate) byte_order_mark: bool,
    /// Whether the bytes were UTF-8; ISO-8859-1 otherwise.
    pub(crate) utf8: bool,
}

impl Source {
    /// The text these bytes are.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let (bytes, byte_order_mark) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => (rest, true),
            None => (bytes, false),
        };
        let decoded = str::from_utf8(bytes);
        Self {
            byte_order_mark,
            utf8: decoded.is_ok(),
            text: decoded
                .map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned),
        }
    }
}

/// All entries, in the order of the text; a key may come more than once.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    entries(text).collect()
}

/// The same one by one, for texts of others: no more than one of them need be kept at a time.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = Result<Entry, SyntaxError>> {
    let mut lines = natural_lines(text);
    std::iter::from_fn(move || next_entry(&mut lines))
}

fn next_entry<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Option<Result<Entry, SyntaxError>> {
    loop {
        let (line, natural) = lines.next()?;
        let mut logical = String::new();
        let mut rest = natural;
        // A line that begins with nothing but a backslash has not begun yet, so it may still be a comment.
        while !(logical.is_empty() && rest.starts_with(['#', '!'])) {
            let joined = continued(rest);
            logical.push_str(joined.unwrap_or(rest));
            match joined.and_then(|_| lines.next()) {
                Some((_, next)) => rest = next,
                None => break,
            }
        }
        if !logical.is_empty() {
            return Some(entry_of(&logical, line));
        }
    }
}

fn entry_of(logical: &str, line: usize) -> Result<Entry, SyntaxError> {
    let (key, value) = split(logical);
    let plain = |text| unescape(text).map_err(|found| SyntaxError { line, found: found.into() });
    Ok(Entry { key: plain(key)?, value: plain(value)?, line, ascii: logical.is_ascii() })
}

/// The lines with their numbers from 1, without their ends and leading blanks.
fn natural_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        rest = Some(after.strip_prefix("\r\n").unwrap_or_else(|| &after[1..]));
        Some(line)
    });
    lines.enumerate().map(|(index, line)| (index + 1, line.trim_start_matches(BLANK)))
}

/// The line without its last backslash, if that one joins the next line to it.
fn continued(line: &str) -> Option<&str> {
    let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    (backslashes % 2 == 1).then(|| &line[..line.len() - 1])
}

/// Key and value of a logical line, still with their escapes.
fn split(logical: &str) -> (&str, &str) {
    let mut escaped = false;
    let key_end = logical.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || BLANK.contains(&c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = logical.split_at(key_end.unwrap_or(logical.len()));
    let rest = rest.trim_start_matches(BLANK);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(BLANK))
}

/// The text without escapes and, as ZooKeeper has it, without control characters and blanks around it; or what
/// stands where a character was announced.
fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            None => {}
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => plain.push(escaped_char(&mut chars)?),
            Some(other) => plain.push(other),
        }
    }
    Ok(plain.trim_matches(|c| c <= ' ').to_owned())
}

fn escaped_char(chars: &mut Chars<'_>) -> Result<char, String> {
    let first = code_unit(chars)?;
    let units = if (0xd800..0xdc00).contains(&first) {
        // The first half of a pair; the other one must follow.
        let mut ahead = chars.clone();
        if ahead.next() != Some('\\') || ahead.next() != Some('u') {
            return Err(format!("{first:04x}"));
        }
        *chars = ahead;
        vec![first, code_unit(chars)?]
    } else {
        vec![first]
    };
    match char::decode_utf16(units.iter().copied()).next() {
        Some(Ok(c)) => Ok(c),
        _ => Err(format!("{first:04x}")),
    }
}

fn code_unit(chars: &mut Chars<'_>) -> Result<u16, String> {
    let digits: String = chars.by_ref().take(4).collect();
    let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match u16::from_str_radix(&digits, 16) {
        Ok(unit) if plain => Ok(unit),
        _ => Err(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let entries = parse(text).unwrap();
        entries.into_iter().map(|e| (e.key, e.value)).collect()
    }

    fn pair(text: &str) -> (String, String) {
        let mut pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{text:?}: {pairs:?}");
        pairs.remove(0)
    }

    #[test]
    fn keys_end_at_an_equals_sign_a_colon_or_a_blank() {
        for text in ["k=v", "k:v", "k v", "k\tv", "  k  =  v  ", "k : v", "\u{c}k=\tv"] {
            assert_eq!(pair(text), ("k".into(), "v".into()), "{text:?}");
        }
        assert_eq!(pair("k==v"), ("k".into(), "=v".into()));
        assert_eq!(pair("k = = v"), ("k".into(), "= v".into()));
        assert_eq!(pair("k"), ("k".into(), String::new()));
        assert_eq!(pair("=v"), (String::new(), "v".into()));
        assert_eq!(pair("server.1=h:1:2"), ("server.1".into(), "h:1:2".into()));
    }

    #[test]
    fn comments_and_blank_lines_count_as_lines_only() {
        let entries = parse("# a\\\n! b=c\n\n  # d\r\n\t\nk=v#x\r\rl=w").unwrap();
        let lines: Vec<_> = entries.iter().map(|e| (e.line, e.value.as_str())).collect();
        assert_eq!(lines, [(6, "v#x"), (8, "w")]);
    }

    #[test]
    fn a_backslash_at_the_end_joins_lines_whatever_their_ends() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("k=a\\{end}   b\\{end}#c{end}l=w");
            assert_eq!(pairs(&text), [("k".into(), "ab#c".into()), ("l".into(), "w".into())]);
        }
        assert_eq!(pair("k=a\\\\\n"), ("k".into(), "a\\".into()));
        assert_eq!(pair("k=a\\"), ("k".into(), "a".into()));
        assert_eq!(pairs("\\\n\nk=v"), [("k".into(), "v".into())]);
        assert_eq!(pairs("\\\n#a=b\\\nk=v"), [("k".into(), "v".into())]);
        assert_eq!(parse("k=a\\\nb\nl=c").unwrap()[1].line, 3);
    }

    #[test]
    fn escapes_are_taken_away() {
        assert_eq!(pair(r"a\=b\:c\ d=\#v\!"), ("a=b:c d".into(), "#v!".into()));
        assert_eq!(pair(r"k=a\tb\nc\rd\fe\xf"), ("k".into(), "a\tb\nc\rd\u{c}exf".into()));
        assert_eq!(pair(r"k=\u0041\u00fc\uD83D\uDE00"), ("k".into(), "Aü😀".into()));
        assert_eq!(pair(r"k=\\u0041"), ("k".into(), r"\u0041".into()));
    }

    #[test]
    fn a_bad_escape_is_refused_with_its_line() {
        for text in [r"\u12", r"\u12g4", r"\u+123", r"\ud800", r"\ud800\u0041", r"\udc00", r"\u"] {
            let error = parse(&format!("a=b\nk={text}")).unwrap_err();
            assert_eq!(error.line, 2, "{text}");
        }
    }

    #[test]
    fn bytes_are_utf8_or_else_latin_1_and_a_byte_order_mark_goes() {
        let source = Source::decode(b"\xef\xbb\xbfk=\xc3\xbc");
        assert!(source.byte_order_mark && source.utf8);
        assert_eq!(pair(&source.text), ("k".into(), "ü".into()));
        let source = Source::decode(b"k=\xfc");
        assert!(!source.byte_order_mark && !source.utf8);
        assert_eq!(pair(&source.text), ("k".into(), "ü".into()));
    }
}
