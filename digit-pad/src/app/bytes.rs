//! Values as bytes, one after the other: numbers in little-endian order, lists after their length.

/// Collects values.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.u8(value.into());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn usize(&mut self, value: usize) {
        self.u64(value as u64);
    }

    pub(super) fn f32(&mut self, value: f32) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Bytes whose number the reader knows.
    pub(super) fn array(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.usize(bytes.len());
        self.array(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn f32s(&mut self, values: &[f32]) {
        self.list(values, |&value, to| to.f32(value));
    }

    pub(super) fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&T, &mut Writer)) {
        self.usize(values.len());
        values.iter().for_each(|value| write(value, self));
    }

    pub(super) fn option<T: ?Sized>(&mut self, value: Option<&T>, write: impl FnOnce(&T, &mut Writer)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(value, self);
        }
    }
}

/// Takes values in the order in which they were written; `None` where the bytes end or make no sense.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        self.u8().map(|value| value != 0)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn usize(&mut self) -> Option<usize> {
        self.u64()?.try_into().ok()
    }

    pub(super) fn f32(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.usize()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn f32s(&mut self) -> Option<Vec<f32>> {
        self.list(Reader::f32)
    }

    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.usize()?;
        (0..length).map(|_| read(self)).collect()
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Some(None) }
    }
}
