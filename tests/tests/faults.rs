//! Files survive kills, full disks, folders that cannot be written to, and two writers at once: each save leaves the old
//! file or the new one. The saving runs in processes of their own, which are this test again.
#![cfg(unix)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, SystemTime},
};

use digit_pad::{
    app::settings::Settings,
    drawing::strokes::Ink,
    geometry::Point,
    recognition::example::Example,
    storage::{atomic_file, paths::UserPaths},
    teaching::examples::Examples,
};
use mnist_io::Idx;
use nn_core::{Cursor, Model, Network, Trainer, formats::OnnxOptions, optim::Adam};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// Environment variables of a process that saves: what, into which folder, and how often.
const KIND: &str = "FAULTS_KIND";
const FOLDER: &str = "FAULTS_FOLDER";
const TIMES: &str = "FAULTS_TIMES";
/// Side of an image, in pixels, and lines of a text.
const SIDE: usize = 200;
const LINES: usize = 20_000;
/// Kills for each kind of file.
const KILLS: usize = 12;

/// A kind of file, in a folder.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Model,
    Checkpoint,
    Examples,
    Settings,
    Idx,
    Onnx,
    Image,
    Text,
}

const KINDS: [Kind; 8] = [
    Kind::Model,
    Kind::Checkpoint,
    Kind::Examples,
    Kind::Settings,
    Kind::Idx,
    Kind::Onnx,
    Kind::Image,
    Kind::Text,
];

type Outcome = Result<(), Box<dyn std::error::Error>>;

impl Kind {
    fn path(self, folder: &Path) -> PathBuf {
        match self {
            Self::Settings => UserPaths::all_in(folder).data().unwrap().join("settings.json"),
            kind => folder.join(format!("{kind:?}")),
        }
    }

    /// Saves the version of that number.
    fn save(self, folder: &Path, version: usize) -> Outcome {
        let path = self.path(folder);
        match self {
            Self::Model => Model::new(network(version)).save(path)?,
            Self::Checkpoint => {
                let trainer = Trainer::new(network(version), Adam::new(0.1), 1)?;
                trainer.save_checkpoint(path, Cursor::default())?;
            }
            Self::Examples => {
                let example = |index: u16| {
                    let mut ink = Ink::new();
                    ink.pen_down(Point::new(0.0, f32::from(index)));
                    ink.pen_up(Point::new(9.0, 90.5));
                    Example::new((version % 10) as u8, ink)
                };
                let examples: Examples = (1..300).map(example).collect::<Result<_, _>>()?;
                examples.save(&path)?;
            }
            Self::Settings => {
                let settings = Settings {
                    width: 1000 + version,
                    ..Settings::default()
                };
                settings.save(&UserPaths::all_in(folder))?;
            }
            Self::Idx => Idx::new(vec![300, 300], vec![version as u8; 90_000])?.save(path)?,
            Self::Onnx => Model::new(network(version)).save_onnx(path, OnnxOptions::default())?,
            Self::Image => {
                let rgb: Vec<u8> = (0..3 * SIDE * SIDE)
                    .map(|index| (index * index / 7 + version) as u8)
                    .collect();
                atomic_file::replace_png(&path, &rgb, SIDE, SIDE)?;
            }
            Self::Text => atomic_file::replace(&path, |file| {
                (0..LINES).try_for_each(|line| writeln!(file, "{line},{version}"))
            })?,
        }
        Ok(())
    }

    /// Loads the file and checks that it is a whole one.
    fn load(self, folder: &Path) -> Outcome {
        let path = self.path(folder);
        let is_whole = match self {
            Self::Model => Model::load(path)?.network.parameter_count() == network(0).parameter_count(),
            Self::Checkpoint => Trainer::resume(path, 1).is_ok(),
            Self::Examples => Examples::load(&path)?.len() == 299,
            Self::Settings => Settings::load(&UserPaths::all_in(folder)).is_some_and(|settings| settings.width >= 1000),
            Self::Idx => Idx::open(path)?.shape() == [300, 300],
            // Nothing here reads it; its length does not depend on the weights.
            Self::Onnx => {
                fs::metadata(path)?.len() == Model::new(network(0)).to_onnx(OnnxOptions::default())?.len() as u64
            }
            Self::Image => image::load_from_memory(&fs::read(path)?)?.width() as usize == SIDE,
            Self::Text => {
                let text = fs::read_to_string(path)?;
                text.ends_with('\n') && text.lines().count() == LINES
            }
        };
        if is_whole {
            Ok(())
        } else {
            Err(format!("{self:?} is not whole").into())
        }
    }
}

fn network(version: usize) -> Network {
    Network::new("300 | dense 200 | relu | dense 10".parse().unwrap(), version as u64).unwrap()
}

/// Not a test by itself: saves, in a process that another test starts.
#[test]
fn saving_process() {
    let (Ok(kind), Ok(folder)) = (env::var(KIND), env::var(FOLDER)) else {
        return;
    };
    let kind = KINDS.into_iter().find(|other| format!("{other:?}") == kind).unwrap();
    let times = env::var(TIMES).unwrap().parse().unwrap();
    for version in 1..=times {
        if let Err(error) = kind.save(Path::new(&folder), version) {
            println!("refused: {error}");
        }
    }
}

/// The command that saves; `limit` is the largest file that it may write, in blocks of the shell.
fn saving(kind: Kind, folder: &Path, times: usize, limit: &str) -> Command {
    let mut command = Command::new("sh");
    // An ignored signal makes the limit an error of the write.
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" --exact saving_process --nocapture");
    command.args(["-c", &script]).arg(env::current_exe().unwrap());
    command
        .env(KIND, format!("{kind:?}"))
        .env(FOLDER, folder)
        .env(TIMES, times.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(kind: Kind, folder: &Path) -> Child {
    saving(kind, folder, 1_000_000, "unlimited").spawn().unwrap()
}

fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".unfinished-"))
        .collect()
}

#[test]
fn kills_leave_whole_files_and_the_next_save_removes_what_they_left() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        kind.save(folder.path(), 0).unwrap();
        let parent = kind.path(folder.path()).parent().unwrap().to_owned();
        for _ in 0..KILLS {
            let mut child = start(kind, folder.path());
            sleep(Duration::from_millis(rng.random_range(15..60)));
            child.kill().unwrap();
            child.wait().unwrap();
            kind.load(folder.path()).unwrap();
        }
        for left in unfinished(&parent) {
            let file = fs::File::options().write(true).open(left).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(120)).unwrap();
        }
        // Any writer cleans up.
        nn_core::atomic_file::write(parent.join("other"), |_| Ok(())).unwrap();
        assert_eq!(unfinished(&parent), Vec::<PathBuf>::new(), "{kind:?}");
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        kind.save(folder.path(), 0).unwrap();
        let before = fs::read(kind.path(folder.path())).unwrap();
        // Settings are smaller than a block.
        let limit = if kind == Kind::Settings { "0" } else { "16" };
        let mut command = saving(kind, folder.path(), 1, limit);
        let output = command.stdout(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("refused: "),
            "{kind:?}: {text}"
        );
        assert_eq!(fs::read(kind.path(folder.path())).unwrap(), before, "{kind:?}");
        let parent = kind.path(folder.path()).parent().unwrap().to_owned();
        assert_eq!(unfinished(&parent), Vec::<PathBuf>::new(), "{kind:?}");
    }
}

#[test]
fn two_processes_may_write_one_file() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        kind.save(folder.path(), 0).unwrap();
        let writers = [start(kind, folder.path()), start(kind, folder.path())];
        for _ in 0..40 {
            sleep(Duration::from_millis(5));
            kind.load(folder.path()).unwrap();
        }
        for mut writer in writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        kind.load(folder.path()).unwrap();
    }
}

/// A clock that is set back or forward by days makes files old, or of the future; one that is being written stays.
#[test]
fn clocks_that_jump_end_no_save() {
    const DAYS: Duration = Duration::from_secs(3 * 24 * 3600);
    for kind in [Kind::Checkpoint, Kind::Idx] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = saving(kind, folder.path(), 300, "unlimited")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut jumps = 0;
        while writer.try_wait().unwrap().is_none() {
            for path in unfinished(folder.path()) {
                let Ok(file) = fs::File::options().write(true).open(path) else {
                    continue;
                };
                // Not before its writer has the lock.
                if file.try_lock().is_ok() {
                    continue;
                }
                let time = if jumps % 2 == 0 {
                    SystemTime::now() - DAYS
                } else {
                    SystemTime::now() + DAYS
                };
                file.set_modified(time).unwrap();
                jumps += 1;
            }
            nn_core::atomic_file::write(folder.path().join("other"), |_| Ok(())).unwrap();
        }
        let output = writer.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !text.contains("refused"), "{kind:?}: {text}");
        assert!(jumps > 0, "{kind:?}");
        kind.load(folder.path()).unwrap();
    }
}

/// The kernel's folder refuses files from everyone; a folder without the permission only from others than root.
#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let is_root = fs::write(folder.path().join("probe"), "").is_ok();
    let mut folders = vec![Path::new("/proc")];
    if !is_root {
        folders.push(folder.path());
    }
    for folder in folders.into_iter().filter(|folder| folder.exists()) {
        for kind in KINDS.into_iter().filter(|&kind| kind != Kind::Settings) {
            let message = kind.save(folder, 0).unwrap_err().to_string();
            let path = kind.path(folder).display().to_string();
            assert!(message.contains(&path), "{message}");
        }
    }
}
