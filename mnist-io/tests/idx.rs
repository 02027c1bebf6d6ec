//! The IDX format through the public interface: round trips of every type and rank, and damaged input.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use mnist_io::{ElementType, Error, Idx, IdxData};
use proptest::{collection::vec, prelude::*};

fn bytes(idx: &Idx) -> Vec<u8> {
    let mut bytes = Vec::new();
    idx.write_to(&mut bytes).unwrap();
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header(code: u8, shape: &[u32]) -> Vec<u8> {
    let mut header = vec![0, 0, code, shape.len() as u8];
    for size in shape {
        header.extend(size.to_be_bytes());
    }
    header
}

/// Returns a valid file of 18 bytes: `u8` of shape 3×2.
fn valid() -> Vec<u8> {
    bytes(&Idx::new(vec![3, 2], vec![1u8, 2, 3, 4, 5, 6]).unwrap())
}

fn data(element_type: ElementType, len: usize) -> BoxedStrategy<IdxData> {
    match element_type {
        ElementType::U8 => vec(any::<u8>(), len).prop_map(IdxData::U8).boxed(),
        ElementType::I8 => vec(any::<i8>(), len).prop_map(IdxData::I8).boxed(),
        ElementType::I16 => vec(any::<i16>(), len).prop_map(IdxData::I16).boxed(),
        ElementType::I32 => vec(any::<i32>(), len).prop_map(IdxData::I32).boxed(),
        ElementType::F32 => vec(any::<u32>().prop_map(f32::from_bits), len)
            .prop_map(IdxData::F32)
            .boxed(),
        ElementType::F64 => vec(any::<u64>().prop_map(f64::from_bits), len)
            .prop_map(IdxData::F64)
            .boxed(),
    }
}

fn any_idx() -> impl Strategy<Value = Idx> {
    let shape = vec(0usize..5, 0..5);
    (shape, prop::sample::select(&ElementType::ALL[..])).prop_flat_map(|(shape, element_type)| {
        data(element_type, shape.iter().product()).prop_map(move |data| Idx::new(shape.clone(), data).unwrap())
    })
}

proptest! {
    #[test]
    fn written_data_are_read_back(idx in any_idx()) {
        let written = bytes(&idx);
        for read in [Idx::from_bytes(&written), Idx::from_bytes(&gzip(&written))] {
            let read = read.unwrap();
            prop_assert_eq!(read.shape(), idx.shape());
            prop_assert_eq!(read.element_type(), idx.element_type());
            // Compared as bytes, so that NaN equals itself.
            prop_assert_eq!(bytes(&read), written.clone());
        }
    }

    #[test]
    fn truncation_and_trailing_data_are_errors(idx in any_idx(), cut: prop::sample::Index, more: u8) {
        let written = bytes(&idx);
        let cut = &written[..cut.index(written.len())];
        let mut longer = written.clone();
        longer.push(more);
        for damaged in [cut, &longer] {
            prop_assert!(Idx::from_bytes(damaged).is_err());
            prop_assert!(Idx::from_bytes(&gzip(damaged)).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(start in vec(any::<u8>(), 0..3), rest in vec(any::<u8>(), 0..64)) {
        for start in [start, vec![0, 0], vec![0x1f, 0x8b, 8, 0]] {
            let _ = Idx::from_bytes(&[start, rest.clone()].concat());
        }
    }

    #[test]
    fn changed_gzip_byte_is_an_error_or_has_no_effect(at: prop::sample::Index, to: u8) {
        let mut damaged = gzip(&valid());
        let at = at.index(damaged.len());
        damaged[at] = to;
        // Some bytes of a gzip header, such as the time, have no effect.
        if let Ok(idx) = Idx::from_bytes(&damaged) {
            prop_assert_eq!(bytes(&idx), valid());
        }
    }
}

#[test]
fn bytes_conform_to_the_format() {
    let idx = Idx::new(vec![2, 1], vec![1.0f32, -2.5]).unwrap();
    let expected = [
        &[0, 0, 0x0d, 2, 0, 0, 0, 2, 0, 0, 0, 1][..],
        &[0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0],
    ];
    assert_eq!(bytes(&idx), expected.concat());
    let idx = Idx::new(vec![3], vec![-1i8, 0, 127]).unwrap();
    assert_eq!(bytes(&idx), [0, 0, 9, 1, 0, 0, 0, 3, 0xff, 0, 0x7f]);
    let idx = Idx::new(vec![], vec![-2i32]).unwrap();
    assert_eq!(bytes(&idx), [0, 0, 0x0c, 0, 0xff, 0xff, 0xff, 0xfe]);
}

#[test]
fn element_codes_conform_to_the_format() {
    for code in 0..=u8::MAX {
        match ElementType::from_code(code) {
            Ok(element_type) => assert_eq!(element_type.code(), code),
            Err(error) => assert!(error.to_string().contains(&format!("0x{code:02x}"))),
        }
    }
    let codes = ElementType::ALL.map(|t| (t.code(), t.size(), t.to_string()));
    let expected = [
        (0x08, 1, "u8"),
        (0x09, 1, "i8"),
        (0x0b, 2, "i16"),
        (0x0c, 4, "i32"),
        (0x0d, 4, "f32"),
        (0x0e, 8, "f64"),
    ];
    assert_eq!(codes, expected.map(|(c, s, n)| (c, s, n.to_owned())));
}

#[test]
fn data_longer_than_the_buffer_round_trip() {
    let values: Vec<i16> = (0..100_001).map(|i| (i * 31) as i16).collect();
    let idx = Idx::new(vec![values.len()], values).unwrap();
    let written = bytes(&idx);
    assert_eq!(Idx::from_bytes(&written).unwrap(), idx);
    assert_eq!(Idx::from_bytes(&gzip(&written)).unwrap(), idx);
}

#[test]
fn maximum_rank_round_trips() {
    let idx = Idx::new(vec![1; 255], vec![7u8]).unwrap();
    assert_eq!(Idx::from_bytes(&bytes(&idx)).unwrap(), idx);
}

#[test]
fn shapes_beyond_the_format_are_errors() {
    let error = Idx::new(vec![1; 256], vec![7u8]).unwrap_err();
    assert!(matches!(error, Error::Rank { rank: 256 }), "{error:?}");
    let error = Idx::new(vec![2, 3], vec![0f64; 5]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::ElementCount {
                expected: 6,
                found: 5,
                ..
            }
        ),
        "{error:?}"
    );
    let error = Idx::new(vec![0, 1 << 32], Vec::<u8>::new()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Dimension {
                axis: 1,
                size: 0x1_0000_0000
            }
        ),
        "{error:?}"
    );
    let error = Idx::new(vec![u32::MAX as usize; 3], vec![0u8]).unwrap_err();
    assert!(matches!(error, Error::Overflow { .. }), "{error:?}");
}

#[test]
fn zero_dimension_means_no_elements() {
    let idx = Idx::from_bytes(&header(0x0e, &[u32::MAX, u32::MAX, u32::MAX, 0])).unwrap();
    assert!(idx.data().is_empty());
    assert_eq!(idx.shape()[0], u32::MAX as usize);
}

/// Returns the errors for the plain and the gzipped bytes.
fn errors(bytes: &[u8]) -> [Error; 2] {
    [bytes, &gzip(bytes)].map(|bytes| Idx::from_bytes(bytes).unwrap_err())
}

#[test]
fn each_kind_of_damage_has_its_own_error() {
    for error in errors(&[]) {
        assert!(matches!(error, Error::Empty), "{error:?}");
    }
    for text in [&b"<!DOCTYPE html>"[..], b"P", b"\0\x01\x08\x01"] {
        for error in errors(text) {
            assert!(matches!(error, Error::Magic { .. }), "{error:?}");
        }
    }
    for error in errors(&[0, 0, 0x0a, 1, 0, 0, 0, 0]) {
        assert!(matches!(error, Error::ElementType { code: 0x0a }), "{error:?}");
    }
    for (cut, expected) in [(1, 4), (3, 4), (4, 12), (11, 12)] {
        for error in errors(&valid()[..cut]) {
            assert!(
                matches!(error, Error::TruncatedHeader { found, expected: e } if (found, e) == (cut, expected)),
                "{error:?}"
            );
        }
    }
    for error in errors(&valid()[..17]) {
        assert!(matches!(error, Error::Truncated { expected: 6, found: 5 }), "{error:?}");
    }
    for error in errors(&[valid(), vec![0]].concat()) {
        assert!(matches!(error, Error::TrailingData { expected: 6 }), "{error:?}");
    }
}

#[test]
fn huge_claims_are_errors_before_allocation() {
    // 2^60 bytes; 2^62 elements of 8 bytes; an element count that overflows.
    for (code, shape) in [
        (0x08, &[1 << 30, 1 << 30][..]),
        (0x0e, &[1 << 31, 1 << 31]),
        (0x08, &[u32::MAX; 255]),
    ] {
        let mut claim = header(code, shape);
        claim.extend([0; 100]);
        let [plain, gzipped] = errors(&claim);
        assert!(
            matches!(plain, Error::Truncated { found: 100, .. } | Error::Overflow { .. }),
            "{plain:?}"
        );
        assert!(
            matches!(gzipped, Error::InflatedSize { .. } | Error::Overflow { .. }),
            "{gzipped:?}"
        );
    }
}

#[test]
fn gzipped_claim_within_the_limit_is_truncated_data() {
    let mut claim = header(0x08, &[1 << 30]);
    claim.extend([0; 100]);
    let error = Idx::from_bytes(&gzip(&claim)).unwrap_err();
    assert!(matches!(error, Error::Truncated { found: 100, .. }), "{error:?}");
    let above = gzip(&header(0x0b, &[(1 << 29) + 1]));
    let error = Idx::from_bytes(&above).unwrap_err();
    assert!(
        matches!(error, Error::InflatedSize { claimed, limit }
            if claimed == limit + 2 && limit == Idx::MAX_INFLATED),
        "{error:?}"
    );
}

#[test]
fn gzip_bomb_is_not_decompressed_beyond_its_claim() {
    let mut bomb = valid();
    bomb.resize(64 << 20, 0);
    let mut bomb = gzip(&bomb);
    // Decompressing to the end would report the wrong checksum instead.
    let sum = bomb.len() - 8;
    bomb[sum] ^= 0xff;
    let error = Idx::from_bytes(&bomb).unwrap_err();
    assert!(matches!(error, Error::TrailingData { expected: 6 }), "{error:?}");
}

#[test]
fn damaged_gzip_is_distinguished_from_damaged_idx() {
    let whole = gzip(&valid());
    let mut wrong_checksum = whole.clone();
    let sum = wrong_checksum.len() - 8;
    wrong_checksum[sum] ^= 1;
    let mut wrong_length = whole.clone();
    *wrong_length.last_mut().unwrap() ^= 1;
    let mut garbage = whole[..10].to_vec();
    garbage.extend([0xff; 50]);
    let mut followed = whole.clone();
    followed.extend(b"garbage");
    let mut damaged = vec![wrong_checksum, wrong_length, garbage, followed];
    damaged.extend([2, 9, 10, whole.len() - 8, whole.len() - 1].map(|cut| whole[..cut].to_vec()));
    for bytes in damaged {
        let error = Idx::from_bytes(&bytes).unwrap_err();
        assert!(matches!(error, Error::Gzip(_)), "{error:?} of {bytes:02x?}");
    }
}

#[test]
fn gzip_members_are_concatenated() {
    let mut members = gzip(&valid()[..7]);
    // Enough empty members to overflow the stack of a recursive decoder.
    for _ in 0..20_000 {
        members.extend(gzip(&[]));
    }
    members.extend(gzip(&valid()[7..]));
    assert_eq!(bytes(&Idx::from_bytes(&members).unwrap()), valid());
}

#[test]
fn gzip_is_written_by_extension_and_read_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let idx = Idx::from_bytes(&valid()).unwrap();
    for (name, gzipped) in [("plain", false), ("packed.gz", true), ("packed.GZ", true)] {
        let path = dir.path().join(name);
        idx.save(&path).unwrap();
        idx.save(&path).unwrap();
        assert_eq!(Idx::open(&path).unwrap(), idx);
        let start = std::fs::read(&path).unwrap()[..2].to_vec();
        assert_eq!(start == [0x1f, 0x8b], gzipped, "{name}");
    }
    let misnamed = dir.path().join("plain.gz");
    std::fs::write(&misnamed, valid()).unwrap();
    assert_eq!(Idx::open(&misnamed).unwrap(), idx);
    let misnamed = dir.path().join("packed");
    std::fs::write(&misnamed, gzip(&valid())).unwrap();
    assert_eq!(Idx::open(&misnamed).unwrap(), idx);
    let names = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(names, 5, "no temporary file is left");
}

#[test]
fn errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let named = |path: &std::path::Path, message: &str| {
        let error = Idx::open(path).unwrap_err().to_string();
        let start = format!("{}: ", path.display());
        assert!(error.starts_with(&start) && error.contains(message), "{error}");
    };
    named(&dir.path().join("missing"), "os error 2");
    named(dir.path(), "folder");
    for (name, bytes, message) in [
        ("empty", vec![], "the file is empty"),
        ("text", b"no data".to_vec(), "not an IDX file"),
        ("cut", valid()[..15].to_vec(), "only 3 follow"),
        ("cut-header", valid()[..5].to_vec(), "5 of its 12 bytes"),
        ("longer", [valid(), vec![1]].concat(), "more bytes follow"),
        ("garbage.gz", vec![0x1f, 0x8b, 1, 2, 3], "gzip"),
        ("claim", header(8, &[1 << 30, 1 << 30]), "1152921504606846976"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        named(&path, message);
    }
}

#[test]
fn failed_save_leaves_existing_files() {
    let dir = tempfile::tempdir().unwrap();
    let idx = Idx::from_bytes(&valid()).unwrap();
    let folder = dir.path().join("taken");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "kept").unwrap();
    let error = idx.save(&folder).unwrap_err().to_string();
    assert!(error.contains("taken"), "{error}");
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "kept");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let error = idx.save(dir.path().join("no/folder")).unwrap_err();
    assert!(error.to_string().contains("no/folder"), "{error}");
}

#[cfg(unix)]
#[test]
fn saving_keeps_links_and_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    symlink("file", &link).unwrap();
    let idx = Idx::from_bytes(&valid()).unwrap();
    idx.save(&link).unwrap();
    assert!(link.is_symlink() && !file.is_symlink());
    assert_eq!(Idx::open(&file).unwrap(), idx);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[cfg(unix)]
#[test]
fn saved_file_has_the_permissions_of_a_new_file() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let (plain, saved) = (dir.path().join("plain"), dir.path().join("saved"));
    std::fs::write(&plain, "").unwrap();
    Idx::from_bytes(&valid()).unwrap().save(&saved).unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&saved), mode(&plain));
}

#[cfg(target_os = "linux")]
#[test]
fn devices_without_length_are_errors() {
    let error = Idx::open("/dev/zero").unwrap_err().to_string();
    assert!(error.contains("/dev/zero: unknown element type"), "{error}");
    let error = Idx::open("/dev/null").unwrap_err().to_string();
    assert!(error.contains("the file is empty"), "{error}");
}
