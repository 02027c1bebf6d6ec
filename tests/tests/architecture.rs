//! Layout of the crates: imports follow the order in docs/architecture.md, without cycles; files are short and begin
//! with a sentence on their purpose.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
};

/// Maximum lines of code in a file, without its tests.
const MAX_LINES: usize = 450;
/// Crates whose imports are checked.
const ORDERED: [&str; 3] = ["nn-core", "mnist-io", "digit-pad"];
/// Crates whose files are checked for their length and first line.
const CRATES: [&str; 4] = ["nn-core", "mnist-io", "digit-pad", "benches"];

/// Source files of a crate by their path below `src`.
type Sources = BTreeMap<String, String>;
/// Module path from the crate's root.
type ModulePath = Vec<String>;

// ------------------------------------------------------------------------------------------------------ tokens

/// Identifiers and punctuation, `::` as one token; without comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => i += chars[i..].iter().take_while(|&&c| c != '\n').count(),
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            ('"', _) => i = after_string(&chars, i),
            ('\'', '\\') => {
                let rest = chars.get(i + 3..).unwrap_or_default();
                i += 4 + rest.iter().take_while(|&&c| c != '\'').count();
            }
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            ('\'', _) => i += 1 + chars[i + 1..].iter().take_while(|&&c| is_word(c)).count(),
            (':', ':') => {
                found.push("::".to_owned());
                i += 2;
            }
            (c, _) if is_word(c) => {
                let word: String = chars[i..].iter().take_while(|&&c| is_word(c)).collect();
                i += word.chars().count();
                let hashes = chars[i..].iter().take_while(|&&c| c == '#').count();
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let end: String = "\"".chars().chain(std::iter::repeat_n('#', hashes)).collect();
                    let rest: String = chars[i + hashes + 1..].iter().collect();
                    let len = rest.find(&end).map_or(rest.len(), |byte| byte + end.len());
                    i += hashes + 1 + rest[..len].chars().count();
                } else {
                    found.push(word);
                }
            }
            (c, _) if c.is_whitespace() => i += 1,
            (c, _) => {
                found.push(c.to_string());
                i += 1;
            }
        }
    }
    found
}

fn after_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Index after the bracket that closes the one at `open`.
fn after_group(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// The tokens without the items under `#[cfg(test)]` and similar attributes.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let is_attribute = |i: usize| tokens[i] == "#" && tokens.get(i + 1).is_some_and(|token| token == "[");
    let mut code = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !is_attribute(i) {
            code.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let end = after_group(tokens, i + 1);
        let has = |word: &str| tokens[i..end].iter().any(|token| token == word);
        let tests_only = has("cfg") && (has("test") || has("doctest")) && !has("not") && !has("any");
        i = end;
        if tests_only {
            while i < tokens.len() && is_attribute(i) {
                i = after_group(tokens, i + 1);
            }
            // To the end of the item: its semicolon or its braces.
            while i < tokens.len() && !matches!(tokens[i].as_str(), ";" | "{" | "}") {
                i = match tokens[i].as_str() {
                    "(" | "[" => after_group(tokens, i),
                    _ => i + 1,
                };
            }
            i = match tokens.get(i).map(String::as_str) {
                Some("{") => after_group(tokens, i),
                Some(";") => i + 1,
                _ => i,
            };
        }
    }
    code
}

// ----------------------------------------------------------------------------------------------------- modules

/// What a file says about modules.
#[derive(Debug, Default)]
struct Module {
    /// Names after `mod`.
    children: BTreeSet<String>,
    /// Names that the file itself defines.
    defined: BTreeSet<String>,
    imports: Vec<Import>,
}

/// A `use` of something in the same crate, or a path in the code.
#[derive(Debug)]
struct Import {
    path: ModulePath,
    /// Name that it has here; `None` for a path in the code, `*` for a glob.
    name: Option<String>,
    public: bool,
}

fn module_path(file: &str) -> ModulePath {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main" | "mod") {
        return Vec::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

fn read_module(file: &str, text: &str) -> Module {
    let tokens = without_tests(&tokens(text));
    let mut module = Module::default();
    for pair in tokens.windows(2) {
        match pair[0].as_str() {
            "mod" => drop(module.children.insert(pair[1].clone())),
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => {
                module.defined.insert(pair[1].clone());
            }
            _ => {}
        }
    }
    // Modules written out in the file: `super` means one module less inside.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut aliases: BTreeMap<String, ModulePath> = BTreeMap::new();
    let (mut depth, mut i) = (0, 0);
    while i < tokens.len() {
        let here: ModulePath = module_path(file)
            .into_iter()
            .chain(inline.iter().map(|(name, _)| name.clone()))
            .collect();
        let children = &module.children;
        let absolute = |path: &[String]| absolute(path, &here, |name| inline.is_empty() && children.contains(name));
        let word = tokens[i].as_str();
        let starts_path = tokens.get(i + 1).is_some_and(|next| next == "::")
            && !(i > 0 && matches!(tokens[i - 1].as_str(), "::" | "." | "in"));
        match word {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.retain(|&(_, outside)| outside < depth);
            }
            "mod" if tokens.get(i + 2).is_some_and(|token| token == "{") => {
                inline.push((tokens[i + 1].clone(), depth));
            }
            "use" if tokens.get(i + 1).is_none_or(|next| next != "<") => {
                let public = i > 0 && matches!(tokens[i - 1].as_str(), "pub" | ")");
                let end = i + tokens[i..].iter().take_while(|token| *token != ";").count();
                let mut leaves = Vec::new();
                use_leaves(&tokens[i + 1..end], &[], &mut leaves);
                for (path, name) in leaves {
                    if let Some(path) = absolute(&path) {
                        aliases.insert(name.clone(), path.clone());
                        let name = Some(name);
                        module.imports.push(Import { path, name, public });
                    }
                }
                i = end;
            }
            _ if starts_path => {
                let mut path = vec![tokens[i].clone()];
                while tokens.get(i + 1).is_some_and(|next| next == "::")
                    && tokens
                        .get(i + 2)
                        .is_some_and(|next| next.starts_with(char::is_alphabetic))
                {
                    path.push(tokens[i + 2].clone());
                    i += 2;
                }
                let path = match aliases.get(&path[0]) {
                    Some(start) => Some(start.iter().chain(&path[1..]).cloned().collect()),
                    None => absolute(&path),
                };
                if let Some(path) = path {
                    module.imports.push(Import {
                        path,
                        name: None,
                        public: false,
                    });
                }
            }
            _ => {}
        }
        i += 1;
    }
    module
}

/// Each name that a `use` brings, as (path, name here).
fn use_leaves(tree: &[String], prefix: &[String], leaves: &mut Vec<(ModulePath, String)>) {
    let mut path = prefix.to_vec();
    let mut i = 0;
    while i < tree.len() {
        match tree[i].as_str() {
            "::" => {}
            "{" => {
                let inner = &tree[i + 1..after_group(tree, i) - 1];
                let mut depth = 0;
                let branches = inner.split(|token| {
                    match token.as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    depth == 0 && token == ","
                });
                for branch in branches.filter(|branch| !branch.is_empty()) {
                    use_leaves(branch, &path, leaves);
                }
                return;
            }
            "as" => {
                leaves.push((path, tree[i + 1].clone()));
                return;
            }
            "*" => {
                leaves.push((path, "*".to_owned()));
                return;
            }
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        i += 1;
    }
    if let Some(name) = path.last().cloned() {
        leaves.push((path, name));
    }
}

/// Path from the crate's root; `None` for another crate's.
fn absolute(path: &[String], here: &[String], is_child: impl Fn(&str) -> bool) -> Option<ModulePath> {
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some(here.iter().chain(&path[1..]).cloned().collect()),
        "super" => {
            let ups = path.iter().take_while(|word| *word == "super").count();
            let depth = here.len().checked_sub(ups)?;
            Some(here[..depth].iter().chain(&path[ups..]).cloned().collect())
        }
        first if is_child(first) => Some(here.iter().chain(path).cloned().collect()),
        _ => None,
    }
}

/// Modules of a crate that are compiled without its tests, by their path, each with its file.
fn modules(sources: &Sources) -> BTreeMap<ModulePath, (String, Module)> {
    let mut found = BTreeMap::new();
    let mut open = vec![ModulePath::new()];
    while let Some(path) = open.pop() {
        let joined = path.join("/");
        let names = match joined.as_str() {
            "" => ["lib.rs".to_owned(), "main.rs".to_owned()],
            _ => [format!("{joined}.rs"), format!("{joined}/mod.rs")],
        };
        let Some(file) = names.into_iter().find(|name| sources.contains_key(name)) else {
            continue; // written out in its parent
        };
        let module = read_module(&file, &sources[&file]);
        open.extend(module.children.iter().map(|child| {
            let mut path = path.clone();
            path.push(child.clone());
            path
        }));
        found.insert(path, (file, module));
    }
    found
}

/// File in which something is defined, followed through re-exports.
fn file_of<'a>(modules: &'a BTreeMap<ModulePath, (String, Module)>, path: &[String], steps: usize) -> &'a str {
    let len = (0..=path.len()).rev().find(|&len| modules.contains_key(&path[..len]));
    let len = len.expect("every crate has a root");
    let (file, module) = &modules[&path[..len]];
    let Some(name) = path
        .get(len)
        .filter(|name| !module.defined.contains(*name) && steps > 0)
    else {
        return file;
    };
    let named = |import: &&Import| import.name.as_ref() == Some(name);
    let through_glob = |import: &&Import| {
        let target = modules.get(&import.path);
        import.name.as_deref() == Some("*") && target.is_some_and(|(_, target)| target.defined.contains(name))
    };
    let mut imports = module.imports.iter();
    match imports.clone().find(named).or_else(|| imports.find(through_glob)) {
        Some(import) => file_of(modules, &import.path, steps - 1),
        None => file,
    }
}

/// Which file imports from which. The crate's root is left out, and so is what a module re-exports of its children.
fn imports(sources: &Sources) -> BTreeSet<(String, String)> {
    let modules = modules(sources);
    let mut edges = BTreeSet::new();
    for (path, (file, module)) in &modules {
        for import in &module.imports {
            let re_export = import.public && import.path.len() > path.len() && import.path.starts_with(path);
            let target = file_of(&modules, &import.path, 8);
            let roots = [file.as_str(), target]
                .iter()
                .any(|file| matches!(*file, "lib.rs" | "main.rs"));
            if !re_export && !roots && target != file {
                edges.insert((file.clone(), target.to_owned()));
            }
        }
    }
    edges
}

// ------------------------------------------------------------------------------------------------------ checks

/// Folder or file in the order of a crate, and the order inside it, if there is one.
#[derive(Debug, Default)]
struct Entry {
    name: String,
    inside: Vec<Entry>,
}

/// Order of a crate: the fenced block of docs/architecture.md that begins with "```text order: CRATE". The first word of
/// a line counts, indented by two spaces a level; the rest explains it.
fn order(document: &str, name: &str) -> Vec<Entry> {
    let fence = format!("```text order: {name}");
    let mut lines = document.lines().skip_while(|line| *line != fence);
    assert!(lines.next().is_some(), "docs/architecture.md has no block {fence:?}");
    let mut top = Vec::new();
    for line in lines.take_while(|line| !line.starts_with("```")) {
        let Some(word) = line.split_whitespace().next() else {
            continue;
        };
        let mut level: &mut Vec<Entry> = &mut top;
        for _ in 0..(line.len() - line.trim_start().len()) / 2 {
            level = match level.last_mut() {
                Some(folder) => &mut folder.inside,
                None => panic!("{word} is indented, and there is no folder above it"),
            };
        }
        level.push(Entry {
            name: word.trim_end_matches('/').to_owned(),
            inside: Vec::new(),
        });
    }
    top
}

/// Whether an import from `from` to `to` runs against the order.
fn runs_up(order: &[Entry], from: &str, to: &str) -> bool {
    let mut level = order;
    for (a, b) in from.split('/').zip(to.split('/')) {
        let place = |name: &str| level.iter().position(|entry| entry.name == name);
        match (place(a), place(b)) {
            (Some(a), Some(b)) if a == b => level = &level[a].inside,
            (Some(a), Some(b)) => return a > b,
            _ => return false,
        }
    }
    false
}

/// Imports against the order, files that it does not name, and entries that name nothing.
fn order_faults(sources: &Sources, order: &[Entry]) -> Vec<String> {
    let tops: BTreeSet<&str> = sources.keys().filter_map(|file| file.split('/').next()).collect();
    let listed: BTreeSet<&str> = order.iter().map(|entry| entry.name.as_str()).collect();
    let exempt = BTreeSet::from(["lib.rs", "main.rs"]);
    let unlisted = tops.difference(&listed).filter(|top| !exempt.contains(*top));
    let mut faults: Vec<String> = unlisted.map(|top| format!("{top} is not in the order")).collect();
    faults.extend(
        listed
            .difference(&tops)
            .map(|name| format!("{name} is in the order, and does not exist")),
    );
    let edges = imports(sources);
    let up = edges.iter().filter(|(from, to)| runs_up(order, from, to));
    faults.extend(up.map(|(from, to)| format!("{from} imports from {to}, which is above it")));
    faults
}

/// Import cycles, each once and as short as possible.
fn cycles(edges: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let next = |file: &str| {
        let file = file.to_owned();
        edges
            .iter()
            .filter(move |(from, _)| *from == file)
            .map(|(_, to)| to.clone())
    };
    let mut found = BTreeSet::new();
    for (start, to) in edges {
        let mut before: BTreeMap<String, String> = BTreeMap::from([(to.clone(), start.clone())]);
        let mut open = VecDeque::from([to.clone()]);
        while let Some(file) = open.pop_front().filter(|file| file != start) {
            for to in next(&file) {
                if !before.contains_key(&to) {
                    before.insert(to.clone(), file.clone());
                    open.push_back(to);
                }
            }
        }
        if before.contains_key(start) {
            let mut cycle = vec![start.clone()];
            while cycle.last() != Some(to) {
                cycle.push(before[cycle.last().expect("never empty")].clone());
            }
            cycle.reverse();
            let first = (0..cycle.len()).min_by_key(|&i| &cycle[i]).expect("never empty");
            cycle.rotate_left(first);
            cycle.push(cycle[0].clone());
            found.insert(cycle.join(" -> "));
        }
    }
    found
}

/// Lines of code, without blank lines, comments and the test module.
fn code_lines(text: &str) -> usize {
    let (mut count, mut tests_begin, mut in_tests) = (0, false, false);
    for line in text.lines() {
        if in_tests {
            in_tests = line != "}";
            continue;
        }
        if tests_begin && line.starts_with("mod ") && line.ends_with('{') {
            (in_tests, tests_begin) = (true, false);
            count -= 1; // the line with the attribute
            continue;
        }
        tests_begin = line == "#[cfg(test)]";
        let line = line.trim();
        count += usize::from(!line.is_empty() && !line.starts_with("//"));
    }
    count
}

/// Files that are too long, and those that do not begin with a sentence on their purpose.
fn file_faults(sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in sources {
        let lines = code_lines(text);
        if lines > MAX_LINES {
            faults.push(format!(
                "{file} has {lines} lines of code, at most {MAX_LINES} are allowed: split it"
            ));
        }
        let opening: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
        if !opening.join(" ").contains(['.', ':']) {
            faults.push(format!(
                "{file} does not begin with a sentence (`//! …`) on its purpose"
            ));
        }
    }
    faults
}

// --------------------------------------------------------------------------------------------------- the crates

fn sources(name: &str) -> Sources {
    fn add(folder: &Path, prefix: &str, found: &mut Sources) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let entry = entry.expect("a readable folder");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                add(&entry.path(), &format!("{name}/"), found);
            } else if name.ends_with(".rs") {
                found.insert(name, fs::read_to_string(entry.path()).expect("a source file"));
            }
        }
    }
    let mut found = Sources::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    add(&folder, "", &mut found);
    found
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn imports_run_down_the_order_of_the_folders() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/architecture.md");
    let document = fs::read_to_string(document).expect("docs/architecture.md");
    let faults: Vec<String> = ORDERED
        .iter()
        .flat_map(|name| {
            let faults = order_faults(&sources(name), &order(&document, name));
            faults.into_iter().map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert_none(&faults);
}

#[test]
fn imports_have_no_cycles() {
    let of = |name: &&str| cycles(&imports(&sources(name))).into_iter().collect::<Vec<_>>();
    assert_none(&ORDERED.iter().flat_map(of).collect::<Vec<_>>());
}

#[test]
fn files_are_short_and_begin_with_their_purpose() {
    let faults = CRATES.iter().flat_map(|name| {
        let faults = file_faults(&sources(name));
        faults.into_iter().map(move |fault| format!("{name}/src/{fault}"))
    });
    assert_none(&faults.collect::<Vec<_>>());
}

// --------------------------------------------------------------------------------------------- the checker itself

fn tree(files: &[(&str, &str)]) -> Sources {
    files
        .iter()
        .map(|&(file, text)| (file.to_owned(), text.to_owned()))
        .collect()
}

fn small_order() -> Vec<Entry> {
    order(
        "# A\n```text order: a\ntop/      the public face\n  one.rs\n  two.rs\nbase.rs\n```\n",
        "a",
    )
}

#[test]
fn a_tree_in_order_has_no_faults() {
    let sources = tree(&[
        ("lib.rs", "//! A.\nmod base; mod top;\npub use top::Top;"),
        (
            "top/mod.rs",
            "//! Top.\nmod one; mod two;\npub use one::One;\npub struct Top;",
        ),
        (
            "top/one.rs",
            "//! One.\nuse super::two::Two;\nuse crate::base::{Base, Other as _};",
        ),
        (
            "top/two.rs",
            "//! Two.\npub struct Two;\n#[cfg(test)]\nmod tests {\n    use super::super::one::One;\n}",
        ),
        (
            "base.rs",
            "//! Base, unlike `crate::top::Top`.\n/* use crate::top; */\nconst A: &str = \"crate::top::Top\";",
        ),
    ]);
    assert_eq!(order_faults(&sources, &small_order()), Vec::<String>::new());
    assert_eq!(cycles(&imports(&sources)), BTreeSet::new());
    assert_eq!(file_faults(&sources), Vec::<String>::new());
}

#[test]
fn an_import_against_the_order_is_found_however_it_is_written() {
    let up = [
        "use crate::top::Top;",
        "use super::{top::{Other, Top as Name}};",
        "use crate::Top;",
        "use crate::top;",
        "pub(crate) use crate::top::*;",
        "fn f(top: &crate::top::Top) {}",
        "#[cfg(feature = \"x\")]\nuse super::top::Top;",
        "#[cfg(not(test))]\nuse super::top::Top;",
        "#[cfg(test)]\nfn f() -> [u8; 1] { [0; 1] }\nmod inner { use crate::top::Top; }",
        "mod inner { use super::super::top::Top; }",
        "fn f<'a>() -> impl Sized + use<'a> { crate::top::f() }",
        "fn f() -> char { '\\'' } const A: &str = r#\"\"\"#; use crate::top::Top;",
    ];
    for text in up {
        let sources = tree(&[
            ("lib.rs", "mod base; mod top; pub use top::Top;"),
            ("top/mod.rs", "pub struct Top;"),
            ("base.rs", text),
        ]);
        let found = order_faults(&sources, &small_order());
        assert_eq!(found, ["base.rs imports from top/mod.rs, which is above it"], "{text}");
    }
}

#[test]
fn an_import_against_the_order_inside_a_folder_is_found() {
    let sources = tree(&[
        ("lib.rs", "mod base; mod top;"),
        ("top/mod.rs", "mod one; mod two; pub use one::One;"),
        ("top/one.rs", "pub struct One;"),
        ("top/two.rs", "use super::One;"),
        ("base.rs", ""),
    ]);
    let found = order_faults(&sources, &small_order());
    assert_eq!(found, ["top/two.rs imports from top/one.rs, which is above it"]);
}

#[test]
fn files_and_entries_without_their_counterpart_are_found() {
    let sources = tree(&[("lib.rs", "mod new;"), ("new.rs", ""), ("base.rs", "")]);
    let found = order_faults(&sources, &small_order());
    assert_eq!(
        found,
        ["new.rs is not in the order", "top is in the order, and does not exist"]
    );
}

#[test]
fn cycles_are_found_once_each() {
    let sources = tree(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "pub struct C; fn f(_: crate::a::A) {}"),
        ("d.rs", "use crate::a::A;"),
    ]);
    let found = cycles(&imports(&sources));
    assert_eq!(found, BTreeSet::from(["a.rs -> b.rs -> c.rs -> a.rs".to_owned()]));
}

#[test]
fn a_module_and_its_child_can_be_a_cycle() {
    let parent = |text: &str| {
        let sources = tree(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", text),
            ("a/b.rs", "use super::A; pub struct B;"),
        ]);
        cycles(&imports(&sources)).len()
    };
    assert_eq!(parent("mod b; use b::B; pub struct A;"), 1);
    assert_eq!(parent("mod b; pub struct A; fn f() { b::f() }"), 1);
    assert_eq!(parent("mod b; pub use b::B; pub struct A;"), 0);
}

#[test]
fn long_files_and_files_without_an_opening_sentence_are_found() {
    let long = format!("//! Long.\n{}", "const A: u8 = 1;\n// one\n\n".repeat(MAX_LINES + 1));
    let tests = "#[cfg(test)]\nmod tests {\n    const A: u8 = 1;\n}\n";
    let just = format!("//! Just right.\n{}{tests}", "const A: u8 = 1;\n".repeat(MAX_LINES));
    let files = [
        ("just.rs", just.as_str()),
        ("long.rs", &long),
        ("silent.rs", "use a::b;\n//! Late.\n"),
    ];
    let found = file_faults(&tree(&files));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("long.rs has 451 lines"), "{found:?}");
    assert!(found[1].starts_with("silent.rs does not begin"), "{found:?}");
}
