//! Every file of the fuzzing corpora passes what fuzzing checks.
#![cfg(not(target_family = "wasm"))]

use std::{fs, path::Path};

use tests::fuzzing::TARGETS;

/// Files in each corpus at the least.
const LEAST: usize = 12;
/// Largest file, in bytes.
const MOST: usize = 16 << 10;

#[test]
fn each_corpus_passes() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= LEAST, "{name}: {} files", files.len());
        for path in files {
            println!("{}", path.display());
            let data = fs::read(&path).unwrap();
            assert!(data.len() <= MOST, "{}: {} bytes", path.display(), data.len());
            target(&data);
        }
    }
}

/// Each has its program, and no program is left over.
#[test]
fn each_target_has_a_fuzzing_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let mut programs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    programs.sort();
    assert_eq!(programs, TARGETS.map(|(name, _)| name));
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml")).unwrap();
    for name in programs {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
