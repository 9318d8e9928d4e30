//! What a template left in: variables and placeholders that nobody filled in.

/// The first thing in a text that looks like the variable or placeholder of a template.
///
/// | looks like | of |
/// | --- | --- |
/// | `${X}`, `$(x)`, `$X` | shells, Maven, Docker Compose |
/// | `{{ x }}`, `{% x %}`, `{#…#}`, `{x}`, `#{x}` | Jinja, Go, Helm, Python, Ruby |
/// | `[[ x ]]` | Go with other marks |
/// | `<x>`, `<%= x %>` | documentation, ERB |
/// | `%X%`, `%(x)s` | Windows, Python |
/// | `@X@`, `__X__` | Autoconf, CMake, many scripts |
pub(super) fn left_in(text: &str) -> Option<&str> {
    text.char_indices().find_map(|(at, _)| {
        let end = placeholder(&text[..at], &text[at..])?;
        Some(&text[at..at + end])
    })
}

/// A text that is a placeholder as a whole.
pub fn is_left_in(text: &str) -> bool {
    left_in(text).is_some_and(|found| found.len() == text.len())
}

/// What begins a placeholder, what ends it, and whether it may hold this.
type Enclosed = (&'static str, &'static str, fn(&str) -> bool);

/// Where the placeholder ends that `text` begins with, if it does.
fn placeholder(before: &str, text: &str) -> Option<usize> {
    const ENCLOSED: [Enclosed; 12] = [
        ("${", "}", |_| true),
        ("$(", ")", |_| true),
        ("#{", "}", |_| true),
        ("{{", "}}", |_| true),
        ("{%", "%}", |_| true),
        ("{#", "#}", |_| true),
        ("[[", "]]", |_| true),
        ("<%", "%>", |_| true),
        ("%(", ")", is_name),
        ("{", "}", is_words),
        ("<", ">", is_words),
        ("__", "__", is_name),
    ];
    const MARKED: [&str; 2] = ["%", "@"];
    let word_before = before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    for (begin, end, fits) in ENCLOSED {
        // Underscores may stand in the middle of a name, and two of them as well.
        if let Some(rest) = text.strip_prefix(begin)
            && let Some(inside) = rest.find(end)
            && fits(&rest[..inside])
            && !(begin == "__" && word_before)
        {
            return Some(begin.len() + inside + end.len());
        }
    }
    for mark in MARKED {
        if let Some(rest) = text.strip_prefix(mark)
            && let Some(inside) = rest.find(mark)
            && is_name(&rest[..inside])
        {
            return Some(inside + 2 * mark.len());
        }
    }
    // So may a dollar sign in the name of a Java class.
    let name = text.strip_prefix('$').filter(|_| !word_before)?;
    let len = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
    is_name(&name[..len]).then_some(len + 1)
}

/// A name as programs have them.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    starts && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// A name, or words for people: "host of the first".
fn is_words(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.' || c == '$');
    starts && text.chars().all(|c| c.is_ascii_alphanumeric() || " _.-$:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_placeholders_of_many_templates_are_found() {
        for (text, expected) in [
            ("${ZK_A}:2888:3888", "${ZK_A}"),
            ("${ZK_A:-zk1}", "${ZK_A:-zk1}"),
            ("a-$(hostname -f)", "$(hostname -f)"),
            ("$ZK_A", "$ZK_A"),
            ("/data/$id/log", "$id"),
            ("{{ zk1 }}:2888:3888", "{{ zk1 }}"),
            ("{{zk.host|default('x')}}", "{{zk.host|default('x')}}"),
            ("/var{% if deep %}/deep", "{% if deep %}"),
            ("{host1}", "{host1}"),
            ("#{dir}", "#{dir}"),
            ("[[ .LogDir ]]", "[[ .LogDir ]]"),
            ("<host of the first>:1:2", "<host of the first>"),
            ("<ip-2>", "<ip-2>"),
            ("{.Values.host}:1:2", "{.Values.host}"),
            ("<$host>:1:2", "<$host>"),
            ("<%= @zk1 %>", "<%= @zk1 %>"),
            ("%ZOO_HOME%/log", "%ZOO_HOME%"),
            ("%(log_dir)s", "%(log_dir)"),
            ("@ZK_A@", "@ZK_A@"),
            ("__ZK_A__", "__ZK_A__"),
        ] {
            assert_eq!(left_in(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_people_write_is_no_placeholder() {
        for text in [
            "",
            "zk1.example:2888:3888",
            "[2001:db8::1]:2888:3888",
            "[fe80::1%eth0]:2888:3888",
            "/var/lib/zookeeper",
            r"C:\zookeeper\data",
            "com.example.Providers$Corporate",
            "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=",
            "zookeeper/_HOST@EXAMPLE.COM",
            "tasks.zk_1",
            "my__zk__",
            "100%",
            "50%..60%",
            "a < b > c",
            "srvr, ruok, mntr",
            "RULE:[1:$1@$0](zk@EXAMPLE)s/.*/zk/",
            "{}",
            "{-1}",
            "$",
            "$1",
        ] {
            assert_eq!(left_in(text), None, "{text}");
        }
    }
}
