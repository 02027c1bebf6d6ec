//! Running the program as a process, and temporary files for it.

// Each test file uses some of this.
#![allow(dead_code)]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// The program, without a display, so that no window opens by mistake.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_digit-pad"));
    command
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET");
    command
}

/// The result of a run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Run {
            status: output.status.code().expect("the program exits by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// The JSON objects on standard output, one per line.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

/// Runs the program.
pub(crate) fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    program().args(args).output().expect("the program starts").into()
}

/// Runs the program and expects success.
pub(crate) fn succeed(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    let run = run(args);
    assert_eq!(run.status, 0, "{run:?}");
    run
}

/// A temporary folder.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes the four files of a small data set: `train` and `test` images of 28×28 pixels, whose class is the row of
    /// a bright block.
    pub(crate) fn write_mnist(&self, train: usize, test: usize) {
        for (name, count) in [("train", train), ("t10k", test)] {
            let images: Vec<u8> = (0..count).flat_map(block).collect();
            let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
            self.write(
                &format!("{name}-images-idx3-ubyte"),
                idx(&[count as u32, 28, 28], &images),
            );
            self.write(&format!("{name}-labels-idx1-ubyte"), idx(&[count as u32], &labels));
        }
    }
}

fn block(index: usize) -> Vec<u8> {
    let rows = 4 + 2 * (index % 10)..6 + 2 * (index % 10);
    (0..784)
        .map(|i| {
            if rows.contains(&(i / 28)) && (8..20).contains(&(i % 28)) {
                255
            } else {
                0
            }
        })
        .collect()
}

/// An IDX file of bytes.
pub(crate) fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
    let dimensions = shape.iter().flat_map(|size| size.to_be_bytes());
    [0, 0, 8, shape.len() as u8]
        .into_iter()
        .chain(dimensions)
        .chain(data.iter().copied())
        .collect()
}
