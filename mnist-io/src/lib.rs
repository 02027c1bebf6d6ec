//! mnist-io
