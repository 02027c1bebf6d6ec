//! Files named by URIs, as other programs pass them on: `file:///home/me/a%20seven.png`.

use std::path::PathBuf;

/// The path of a file of this computer that a URI names; `None` for all else.
pub fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => {
            let (host, _) = with_host.split_once('/')?;
            let is_local = host.is_empty() || host.eq_ignore_ascii_case("localhost");
            is_local.then(|| &with_host[host.len()..])?
        }
        None => rest,
    };
    let bytes = percent_decoded(path.as_bytes())?;
    (path.starts_with('/') && !bytes.contains(&0)).then(|| native(bytes))?
}

/// The first file of a list of URIs, one a line; lines that begin with `#` are comments.
pub fn first_path(list: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(list).ok()?;
    let lines = text.lines().map(|line| line.trim_end_matches(['\r', '\0']));
    lines.filter(|line| !line.starts_with('#')).find_map(path)
}

/// The bytes with every `%41` replaced; `None` if a percent sign is not followed by two hexadecimal digits.
fn percent_decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (mut decoded, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let value = 16 * digit(rest.first()?)? + digit(rest.get(1)?)?;
            decoded.push(value as u8);
            rest = &rest[2..];
        } else {
            decoded.push(first);
        }
    }
    Some(decoded)
}

#[cfg(unix)]
fn native(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

/// Drives are written `/C:/`.
#[cfg(not(unix))]
fn native(bytes: Vec<u8>) -> Option<PathBuf> {
    let path = String::from_utf8(bytes).ok()?;
    let has_drive = path.as_bytes().get(2) == Some(&b':');
    Some(PathBuf::from(if has_drive { &path[1..] } else { &path }))
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn local_files_are_named_by_uris() {
        for (uri, expected) in [
            ("file:///home/me/seven.png", Some("/home/me/seven.png")),
            ("file:/home/me/seven.png", Some("/home/me/seven.png")),
            ("file://localhost/seven.png", Some("/seven.png")),
            ("file:///a%20b%2Fc%c3%A9.png", Some("/a b/cé.png")),
            ("file:///", Some("/")),
            ("file://elsewhere/seven.png", None),
            ("file://seven.png", None),
            ("file:seven.png", None),
            ("http://example.org/seven.png", None),
            ("file:///a%2", None),
            ("file:///a%zz", None),
            ("file:///a%00b", None),
            ("/home/me/seven.png", None),
            ("", None),
        ] {
            assert_eq!(path(uri).as_deref(), expected.map(Path::new), "{uri}");
        }
    }

    #[test]
    fn the_first_file_of_a_list_counts() {
        let list = b"# a comment\r\nhttp://example.org/\r\nfile:///a.png\r\nfile:///b.png\r\n";
        assert_eq!(first_path(list).as_deref(), Some(Path::new("/a.png")));
        assert_eq!(first_path(b"file:///a.png\0").as_deref(), Some(Path::new("/a.png")));
        for none in [&b""[..], b"\r\n", b"#file:///a.png", b"\xff\xfe"] {
            assert_eq!(first_path(none), None);
        }
    }
}
