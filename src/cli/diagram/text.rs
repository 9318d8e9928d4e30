//! How wide a text is at most, and how it is made to fit. No font is asked: the picture is the same on every machine.

/// Size of the usual text, in pixels; the style sheet says the same of each.
pub(super) const SIZE: i32 = 13;
/// That of what is below or in something else.
pub(super) const SMALL: i32 = 11;
pub(super) const TITLE: i32 = 17;

/// At least as wide as the text is drawn in any of the usual fonts, in pixels.
pub(super) fn width(text: &str, size: i32, bold: bool) -> i32 {
    let hundredths: i32 = text.chars().map(hundredths).sum();
    let factor = if bold { 115 } else { 100 };
    (hundredths.saturating_mul(size) / 100).saturating_mul(factor) / 100 + 1
}

/// How wide a character is, in hundredths of the size of its text.
const fn hundredths(c: char) -> i32 {
    match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!'
        | '(' | ')' | '-' => 46,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 102,
        'A'..='Z' => 80,
        '\0'..='~' => 64,
        '\u{7f}'..='\u{10ff}' | '\u{2000}'..='\u{206f}' => 90,
        _ => 105,
    }
}

/// The text, or as much of its beginning as fits, with an ellipsis.
pub(super) fn shortened(text: &str, room: i32, size: i32, bold: bool) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width(&format!("{short}…"), size, bold) > room {
            short.pop();
            break;
        }
    }
    short.truncate(short.trim_end().len());
    short + "…"
}

/// The text in at most two lines, broken between words where there is a place for it; the second is shortened.
pub(super) fn two_lines(text: &str, room: i32, size: i32) -> Vec<String> {
    if width(text, size, false) <= room {
        return vec![text.to_owned()];
    }
    let fits = |(at, _): &(usize, char)| width(&text[..*at], size, false) <= room;
    let places: Vec<_> = text.char_indices().take_while(fits).collect();
    let between_words = places.iter().rev().find(|(_, c)| *c == ' ');
    let (at, _) = between_words.or_else(|| places.last()).copied().unwrap_or_default();
    let (first, rest) = text.split_at(at);
    vec![first.to_owned(), shortened(rest.trim_start(), room, size, false)]
}

/// Text that cannot end an element or an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_shortened_to_its_room() {
        assert_eq!(shortened("as it is", 100, SIZE, false), "as it is");
        for room in [20, 40, 100, 333] {
            let short = shortened(&"wide WORDS ".repeat(20), room, SIZE, true);
            assert!(short.ends_with('…') && width(&short, SIZE, true) <= room, "{room}: {short}");
        }
    }

    #[test]
    fn a_title_is_broken_between_words_and_ends_after_two_lines() {
        assert_eq!(two_lines("one two", 300, TITLE), ["one two"]);
        assert_eq!(two_lines("one two three", 80, TITLE), ["one two", "three"]);
        let lines = two_lines(&"選".repeat(200), 200, TITLE);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| width(line, TITLE, false) <= 200), "{lines:?}");
    }
}
