//! The wire format of Protocol Buffers: a message is a list of numbered fields.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding>.

/// A message under construction. Fields are written in the order of the calls.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

/// How a field is encoded: the lowest three bits of its tag.
#[derive(Clone, Copy)]
enum WireType {
    Varint = 0,
    Length = 2,
    Fixed32 = 5,
}

impl Message {
    /// An empty message.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds an integer.
    pub(super) fn int(mut self, field: u32, value: i64) -> Self {
        self.tag(field, WireType::Varint);
        self.varint(value as u64);
        self
    }

    /// Adds a size.
    pub(super) fn size(self, field: u32, value: usize) -> Self {
        self.int(field, value as i64)
    }

    /// Adds a real number.
    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.tag(field, WireType::Fixed32);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// Adds bytes.
    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.tag(field, WireType::Length);
        self.varint(value.len() as u64);
        self.bytes.extend(value);
        self
    }

    /// Adds text.
    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// Adds a message.
    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.bytes)
    }

    /// Adds a repeated field of messages.
    pub(super) fn messages<'a>(self, field: u32, values: impl IntoIterator<Item = &'a Self>) -> Self {
        values
            .into_iter()
            .fold(self, |message, value| message.message(field, value))
    }

    /// The encoded message.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn tag(&mut self, field: u32, wire_type: WireType) {
        self.varint(u64::from(field) << 3 | wire_type as u64);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification.
    #[test]
    fn fields_are_encoded_as_specified() {
        let encoded = |message: Message| message.into_bytes();
        assert_eq!(encoded(Message::new().int(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(encoded(Message::new().text(2, "testing")), b"\x12\x07testing");
        let inner = Message::new().int(1, 150);
        assert_eq!(
            encoded(Message::new().message(3, &inner)),
            [0x1a, 0x03, 0x08, 0x96, 0x01]
        );
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(encoded(Message::new().int(1, -2)), minus_two);
        assert_eq!(encoded(Message::new().float(2, 1.0)), [0x15, 0x00, 0x00, 0x80, 0x3f]);
        // Field numbers from 16 take two bytes.
        assert_eq!(encoded(Message::new().int(20, 1)), [0xa0, 0x01, 0x01]);
        assert_eq!(
            encoded(Message::new().messages(1, [&inner, &inner])),
            [10, 3, 8, 0x96, 1, 10, 3, 8, 0x96, 1]
        );
    }
}
