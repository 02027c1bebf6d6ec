//! The digit pad in a browser: a window that is a canvas of a page. See the README beside this crate for what the page does.
//!
//! Everything but the frame is of [`digit_pad`]; on other targets than WebAssembly the crate has no window.

pub mod frame;

#[cfg(target_family = "wasm")]
mod download;
#[cfg(target_family = "wasm")]
mod events;
#[cfg(target_family = "wasm")]
mod kept;
#[cfg(target_family = "wasm")]
mod link;
#[cfg(target_family = "wasm")]
mod pad;
#[cfg(target_family = "wasm")]
mod page_host;
#[cfg(target_family = "wasm")]
mod panics;
#[cfg(target_family = "wasm")]
mod serve;

#[cfg(target_family = "wasm")]
pub use {pad::Pad, serve::serve};
