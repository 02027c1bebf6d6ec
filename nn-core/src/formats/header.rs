//! The header of a safetensors file: metadata and tensors, checked before any value is read.

use std::{collections::BTreeMap, fmt};

use safetensors::tensor::{Metadata, TensorInfo};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use crate::error::{Error, Result};

/// Largest header in bytes: that of a hundred thousand tensors.
pub(super) const MAX_HEADER: u64 = 16 << 20;
/// Most metadata entries: each takes far more memory than its text.
pub(super) const MAX_METADATA: usize = 10_000;

/// Key of the metadata among the tensors.
const METADATA: &str = "__metadata__";

/// What a header says.
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    /// Names and places of the tensors, sorted by name.
    pub(super) tensors: Vec<(String, TensorInfo)>,
}

impl Header {
    /// Parses the JSON text of a header, which `data` bytes of values follow.
    ///
    /// # Errors
    /// If it is damaged, is too large, or does not describe exactly that many bytes.
    pub(super) fn parse(text: &[u8], data: u64) -> Result<Self> {
        let damaged =
            |error: &dyn fmt::Display| Error::weights(format!("not a safetensors file, or a damaged one: {error}"));
        let Fields { metadata, mut tensors } = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(damaged(&format_args!("the tensor {} is listed twice", twice[0].0)));
        }
        let mut places = tensors.clone();
        places.sort_by_key(|(_, info)| info.data_offsets);
        let described = Metadata::new(None, places).map_err(|error| damaged(&error))?.data_len() as u64;
        if described != data {
            return Err(damaged(&format_args!(
                "its header describes {described} bytes of values, and {data} follow it"
            )));
        }
        let metadata = metadata.unwrap_or_default().0;
        Ok(Self { metadata, tensors })
    }
}

/// The header as it is written: one map of metadata and tensors.
struct Fields {
    metadata: Option<Entries>,
    tensors: Vec<(String, TensorInfo)>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Fields, A::Error> {
                let (mut metadata, mut tensors) = (None, Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        metadata = map.next_value()?;
                    } else {
                        tensors.push((name, map.next_value()?));
                    }
                }
                Ok(Fields { metadata, tensors })
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// The metadata, of which there are at most [`MAX_METADATA`].
#[derive(Default)]
struct Entries(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if entries.len() == MAX_METADATA {
                        let reason = format!("there are more than {MAX_METADATA} entries of metadata");
                        return Err(A::Error::custom(reason));
                    }
                    entries.insert(key, value);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, data: u64) -> String {
        Header::parse(text.as_bytes(), data)
            .err()
            .expect("an error")
            .to_string()
    }

    #[test]
    fn the_bytes_that_follow_are_those_described() {
        let text = r#"{"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#;
        assert_eq!(Header::parse(text.as_bytes(), 3).unwrap().tensors.len(), 1);
        for data in [0, 2, 4, u64::MAX] {
            let message = refused(text, data);
            assert!(
                message.contains(&format!("describes 3 bytes of values, and {data} follow")),
                "{message}"
            );
        }
    }

    #[test]
    fn a_tensor_that_is_listed_twice_is_named() {
        let info = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let message = refused(&format!(r#"{{"a":{info},"b":{info},"a":{info}}}"#), 0);
        assert!(message.contains("the tensor a is listed twice"), "{message}");
    }

    #[test]
    fn metadata_are_limited_in_number() {
        let text = |count: usize| {
            let entries: Vec<_> = (0..count).map(|index| format!(r#""{index}":"""#)).collect();
            format!(r#"{{"__metadata__":{{{}}}}}"#, entries.join(","))
        };
        let header = Header::parse(text(MAX_METADATA).as_bytes(), 0).unwrap();
        assert_eq!(header.metadata.len(), MAX_METADATA);
        let message = refused(&text(MAX_METADATA + 1), 0);
        assert!(message.contains("more than 10000 entries"), "{message}");
    }
}
