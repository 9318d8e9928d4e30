//! The page for people: one document with everything in it, joined when this is compiled.
//!
//! It asks only this server: `/events`, `/why`, and `/status` where there are streams enough. The parts lie in `page/`: what is there, how it looks, what
//! it knows and shows, and how it hears of that. In the script all that comes from outside is text, and never markup.

/// The page, as it is sent.
pub(super) const PAGE: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>ballotbox</title>\n",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    // Without it a browser asks for one.
    "<link rel=\"icon\" href=\"data:,\">\n<style>\n",
    include_str!("page/page.css"),
    "</style>\n</head>\n<body>\n",
    include_str!("page/body.html"),
    "<script>\n",
    include_str!("page/page.js"),
    "\n",
    include_str!("page/connection.js"),
    "</script>\n</body>\n</html>\n",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::INDENT;

    const SCRIPT: &str = concat!(include_str!("page/page.js"), include_str!("page/connection.js"));

    /// Largest page, in bytes: it is sent at once, to anybody.
    const LARGEST: usize = 40 * 1024;

    #[test]
    fn the_page_has_everything_in_it_and_asks_nobody_else() {
        for foreign in ["http:", "https:", "src=", "@import", "url(", "//cdn"] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
        for link in PAGE.split("href=\"").skip(1) {
            let link = link.split('"').next().unwrap();
            assert!(["data:,", "status", "metrics"].contains(&link), "{link}");
        }
        assert!(PAGE.len() <= LARGEST, "{} bytes", PAGE.len());
    }

    #[test]
    fn no_part_of_the_page_makes_markup_or_code_of_what_it_hears() {
        for way in
            ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("]
        {
            assert!(!PAGE.contains(way), "{way}");
        }
        assert!(SCRIPT.contains("textContent") && !SCRIPT.contains("</"));
        let words = include_str!("page/body.html").split_whitespace();
        let mut with_code = words.filter(|word| word.starts_with("on") && word.contains('='));
        assert_eq!(with_code.next(), None);
    }

    #[test]
    fn the_words_of_why_are_taken_apart_where_their_lines_begin() {
        for part in [
            format!("line.slice(0, {INDENT})"),
            format!("line.slice({INDENT})"),
            format!("\\n {{{INDENT}}}.*"),
        ] {
            assert_eq!(SCRIPT.matches(&part).count(), 1, "{part}");
        }
    }

    #[test]
    fn every_part_that_the_script_names_is_in_the_page_once() {
        let body = include_str!("page/body.html");
        let named = ["part('", "say('"].iter().flat_map(|call| SCRIPT.split(call).skip(1));
        let named: Vec<_> = named.map(|rest| rest.split('\'').next().unwrap()).collect();
        assert!(named.len() > 20, "{named:?}");
        for id in named {
            assert_eq!(body.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
    }
}
