//! [`shown_of`]: where a list is cut.

/// How many of `count` things are shown, where at most `most` are and a note then says how many more there are. A single one more is shown
/// in the place of that note.
pub const fn shown_of(count: usize, most: usize) -> usize {
    if count <= most.saturating_add(1) { count } else { most }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_is_shown_and_two_are_only_counted() {
        let shown = [0, 1, 7, 8, 9, 10, 11].map(|count| shown_of(count, 8));
        assert_eq!(shown, [0, 1, 7, 8, 9, 8, 8]);
        assert_eq!(shown_of(usize::MAX, usize::MAX), usize::MAX);
    }
}
