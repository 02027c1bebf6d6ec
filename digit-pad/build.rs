//! Stores the built-in weights as byte planes: all first bytes of their numbers, then all second ones, and so on. The exponents of
//! weights resemble each other, so that a page with them is 150 kB smaller when it is fetched compressed.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = env::var_os("OUT_DIR").map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    for name in ["best", "signs"] {
        let path = format!("models/{name}.safetensors");
        println!("cargo::rerun-if-changed={path}");
        let bytes = fs::read(path)?;
        let planes: Vec<u8> = (0..4).flat_map(|i| bytes.iter().skip(i).step_by(4)).copied().collect();
        fs::write(folder.join(name).with_extension("planes"), planes)?;
    }
    Ok(())
}
