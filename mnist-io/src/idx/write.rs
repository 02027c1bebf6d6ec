//! Writing of IDX: header and big-endian elements to a writer, or atomically to a file.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use byteorder::{BigEndian, ByteOrder};
use flate2::{Compression, write::GzEncoder};

use super::{
    element::{CHUNK_BYTES, IdxData},
    header,
};

/// Writes an uncompressed IDX file.
pub(super) fn write<W: Write>(writer: &mut W, shape: &[usize], data: &IdxData) -> io::Result<()> {
    header::write(writer, data.element_type(), shape)?;
    match data {
        IdxData::U8(values) => writer.write_all(values),
        IdxData::I8(values) => write_elements(writer, values, BigEndian::write_i8_into),
        IdxData::I16(values) => write_elements(writer, values, BigEndian::write_i16_into),
        IdxData::I32(values) => write_elements(writer, values, BigEndian::write_i32_into),
        IdxData::F32(values) => write_elements(writer, values, BigEndian::write_f32_into),
        IdxData::F64(values) => write_elements(writer, values, BigEndian::write_f64_into),
    }
}

fn write_elements<W: Write, T>(writer: &mut W, values: &[T], encode: impl Fn(&[T], &mut [u8])) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK_BYTES.min(size_of_val(values))];
    for values in values.chunks(CHUNK_BYTES / size_of::<T>()) {
        let bytes = &mut bytes[..size_of_val(values)];
        encode(values, bytes);
        writer.write_all(bytes)?;
    }
    Ok(())
}

/// Writes an IDX file, gzipped if the extension is `.gz`.
///
/// Writes to a temporary file in the same folder and renames it when complete. A symbolic link stays one.
pub(super) fn save(path: &Path, shape: &[usize], data: &IdxData) -> io::Result<()> {
    let gzip = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    // The file that links lead to, if it exists.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = temporary_file(folder, &path)?;
    let mut writer = BufWriter::new(file.as_file_mut());
    if gzip {
        let mut encoder = GzEncoder::new(&mut writer, Compression::default());
        write(&mut encoder, shape, data)?;
        encoder.finish()?;
    } else {
        write(&mut writer, shape, data)?;
    }
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(&path)?;
    sync_folder(folder)
}

/// Flushes the folder's new entry to disk, where the system can.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let Some(folder) = cfg!(unix).then(|| File::open(folder).ok()).flatten() else {
        return Ok(());
    };
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        outcome => outcome,
    }
}

/// Creates a temporary file with the permissions of the file that it will replace, or of an ordinary new file.
///
/// Its name and lock are those of nn-core's atomic files, which removes what killed processes leave.
fn temporary_file(folder: &Path, replaced: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
    #[cfg(unix)]
    {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    let _ = file.as_file().try_lock();
    let replaced = if cfg!(unix) { replaced.metadata().ok() } else { None };
    if let Some(replaced) = replaced {
        file.as_file().set_permissions(replaced.permissions())?;
    }
    Ok(file)
}
