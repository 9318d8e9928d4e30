//! The modules of each package refer to each other in one direction: no circle, at any level.
//!
//! The graph is read from the source: `use` trees and paths that begin with `crate`, `super` or `self`, with re-exports
//! followed to the module that defines a name. At each level the children of one module are compared: a child refers to its
//! sibling if anything in it names anything in there. What a parent and its own children say of each other is not looked
//! at: together they are one module.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A path of names: a module, or something in one.
type Names = Vec<String>;

/// Arrows that must not exist, though they would make no circle: package, from, to, why.
const FORBIDDEN: [(&str, &str, &str, &str); 8] = [
    (
        "src",
        "scenario::vote_file",
        "node",
        "a vote file only describes: its caller makes a node of it",
    ),
    ("src", "scenario::simulation", "node", "a simulation drives the cores, and no actors"),
    ("actors/src", "socket", "mesh", "what has a socket serves every parent"),
    ("actors/src", "socket", "star", "what has a socket serves every parent"),
    ("actors/src", "doorman", "mesh", "the doorman hands connections on to any part of a node"),
    ("actors/src", "doorman", "star", "the doorman hands connections on to any part of a node"),
    ("actors/src", "star", "mesh", "the two ports have nothing in common but the doorman"),
    ("actors/src", "mesh", "star", "the two ports have nothing in common but the doorman"),
];

#[test]
fn no_package_has_a_circle_of_modules() {
    let mut circles = Vec::new();
    for package in ["core/src", "actors/src", "src"] {
        let modules = Modules::read(package);
        for (parent, siblings) in modules.arrows_between_siblings() {
            for circle in siblings.circles() {
                circles.push(format!(
                    "{package}, in {}: {}",
                    parent.join("::"),
                    siblings.shown(&circle)
                ));
            }
        }
    }
    assert!(circles.is_empty(), "circles of modules:\n{}", circles.join("\n"));
}

#[test]
fn no_arrow_points_where_none_may() {
    for (package, from, to, why) in FORBIDDEN {
        let modules = Modules::read(package);
        assert!(modules.have(from) && modules.have(to), "{from} or {to} is no module any more");
        let (from_names, to_names) = (names(from), names(to));
        let found = modules.arrows.iter().find(|(module, named)| {
            module.starts_with(&from_names) && modules.home(named).starts_with(&to_names)
        });
        assert!(found.is_none(), "{from} refers to {to}: {found:?}; {why}");
    }
}

#[test]
fn the_picture_is_the_folder_listing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for package in ["core/src", "actors/src", "src"] {
        for entry in fs::read_dir(root.join(package)).unwrap() {
            let entry = entry.unwrap();
            let row = format!("| `{package}/{}/` |", entry.file_name().to_string_lossy());
            let is_listed = page.contains(&row);
            assert_eq!(is_listed, entry.path().is_dir(), "{row} in ARCHITECTURE.md");
        }
    }
}

#[test]
fn a_circle_is_found() {
    let arrows = |pairs: &[(&str, &str)]| {
        let mut siblings = Siblings::default();
        for (from, to) in pairs {
            siblings.add(from, to, String::new());
        }
        siblings.circles()
    };
    assert!(arrows(&[("a", "b"), ("b", "c"), ("a", "c")]).is_empty());
    let circle = BTreeSet::from(["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    assert_eq!(arrows(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]), [circle]);
}

/// The modules of one package, and what each of them names.
struct Modules {
    all: BTreeSet<Names>,
    /// A name that a module passes on, and what it stands for.
    passed_on: BTreeMap<Names, Names>,
    arrows: Vec<(Names, Names)>,
}

impl Modules {
    fn read(package: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(package);
        let mut sources = BTreeMap::new();
        read_folder(&root, &Names::new(), &mut sources);
        assert!(sources.len() > 10, "{package}");
        let all = sources.keys().cloned().collect();
        let mut modules = Self { all, passed_on: BTreeMap::new(), arrows: Vec::new() };
        for (module, source) in &sources {
            modules.read_module(module, source);
        }
        modules
    }

    fn read_module(&mut self, module: &Names, source: &str) {
        let code: String = source
            .lines()
            .map(|line| line.split("//").next().unwrap_or(""))
            .fold(String::new(), |code, line| code + line + "\n");
        for statement in code.split_inclusive(';') {
            let Some((before, tree)) = statement.rsplit_once("use ") else {
                self.read_paths(module, statement);
                continue;
            };
            let lead = before.rsplit('\n').next().unwrap_or(before).trim();
            if !(lead.is_empty() || lead.starts_with("pub")) {
                self.read_paths(module, statement);
                continue;
            }
            self.read_paths(module, before);
            for (path, name) in leaves(tree.trim_end_matches(';')) {
                let Some(path) = self.absolute(module, &path) else { continue };
                if lead.starts_with("pub") && name != "*" {
                    let known = [module.as_slice(), &[name]].concat();
                    self.passed_on.insert(known, path.clone());
                }
                self.arrows.push((module.clone(), path));
            }
        }
    }

    /// Paths within code.
    fn read_paths(&mut self, module: &Names, code: &str) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for path in code.split(|c| !is_part(c)) {
            let path = names(path);
            if path.len() > 1
                && ["crate", "super", "self"].contains(&path[0].as_str())
                && let Some(path) = self.absolute(module, &path)
            {
                self.arrows.push((module.clone(), path));
            }
        }
    }

    /// This path from the root of the package, unless it leads out of it.
    fn absolute(&self, module: &Names, path: &[String]) -> Option<Names> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&[][..], &path[1..]),
            "self" => (module.as_slice(), &path[1..]),
            "super" => (&module[..module.len().checked_sub(supers)?], &path[supers..]),
            first => {
                let child = [module.as_slice(), &[first.to_owned()]].concat();
                (self.all.contains(&child).then_some(module.as_slice())?, path)
            }
        };
        Some([base, rest].concat())
    }

    /// The module in which something is defined.
    fn home(&self, named: &Names) -> Names {
        let mut named = named.clone();
        // Names are passed on over a few modules at most.
        for _ in 0..5 {
            let known = (1..=named.len()).rev().find_map(|length| {
                let meant = self.passed_on.get(&named[..length])?;
                Some([meant.as_slice(), &named[length..]].concat())
            });
            match known {
                Some(meant) if meant != named => named = meant,
                Some(_) | None => break,
            }
        }
        let home = (0..=named.len()).rev().find(|length| self.all.contains(&named[..*length]));
        named[..home.unwrap_or(0)].to_vec()
    }

    fn have(&self, module: &str) -> bool {
        self.all.contains(&names(module))
    }

    fn arrows_between_siblings(&self) -> BTreeMap<Names, Siblings> {
        let mut levels = BTreeMap::<Names, Siblings>::new();
        for (module, named) in &self.arrows {
            let home = self.home(named);
            let common = module.iter().zip(&home).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), home.get(common)) {
                let what = format!("{} names {}", module.join("::"), named.join("::"));
                levels.entry(module[..common].to_vec()).or_default().add(from, to, what);
            }
        }
        levels
    }
}

/// The arrows between the children of one module, each with an example.
#[derive(Default)]
struct Siblings(BTreeMap<String, BTreeMap<String, String>>);

impl Siblings {
    fn add(&mut self, from: &str, to: &str, what: String) {
        self.0.entry(from.to_owned()).or_default().entry(to.to_owned()).or_insert(what);
    }

    fn reached_from(&self, from: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(next) = open.pop() {
            for to in self.0.get(&next).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        reached
    }

    /// The largest sets of which each module reaches each other.
    fn circles(&self) -> Vec<BTreeSet<String>> {
        let on_a_circle =
            self.0.keys().filter(|module| self.reached_from(module).contains(*module));
        let circle = |module: &String| {
            let back = |other: &String| self.reached_from(other).contains(module);
            self.reached_from(module).into_iter().filter(back).collect()
        };
        on_a_circle.map(circle).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn shown(&self, circle: &BTreeSet<String>) -> String {
        let arrows = self.0.iter().filter(|(from, _)| circle.contains(*from));
        let inside = arrows.flat_map(|(_, tos)| tos.iter().filter(|(to, _)| circle.contains(*to)));
        inside.flat_map(|(_, what)| ["\n    ", what]).collect()
    }
}

/// All modules below this folder, but tests.
fn read_folder(folder: &Path, module: &Names, sources: &mut BTreeMap<Names, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "tests" {
            continue;
        }
        let child = [module.as_slice(), std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            read_folder(&path, &child, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or("").to_owned();
            let is_root = module.is_empty() && ["lib", "main"].contains(&name.as_str());
            let at = if is_root { Names::new() } else { child };
            sources.entry(at).or_default().push_str(&code);
        }
    }
}

fn names(path: &str) -> Names {
    path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The paths of a `use` tree, each with the name under which it is known.
fn leaves(tree: &str) -> Vec<(Names, String)> {
    let tree = tree.trim();
    if let Some((prefix, rest)) = tree.split_once('{') {
        let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
        let below = split_at_top(inner).into_iter().flat_map(leaves);
        return below.map(|(path, name)| ([names(prefix), path].concat(), name)).collect();
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, a)| (path, Some(a)));
    let mut path = names(path);
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let Some(last) = path.last().cloned() else { return Vec::new() };
    vec![(path, alias.map_or(last, str::to_owned))]
}

/// The parts between the commas that stand in no inner braces.
fn split_at_top(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[begin..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}
