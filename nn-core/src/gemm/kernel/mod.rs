//! The only unsafe code of this crate: strided matrix views that split, and the register-blocked loops for each CPU.
//!
//! The interface of this module is safe. [`MatRef`] and [`MatMut`] check every bound when they are made;
//! `Kernel::multiply` checks that its operands fit each other; and a [`Kernel`] can only be obtained for instructions
//! that the CPU has.
//!
//! From top to bottom, each file imports only from those below it:
//!
//! - `peak`: the peak speed of a kernel;
//! - `macrokernel`: loops over the panels of B and the tiles of C;
//! - `microkernel`: one tile of C, summed in registers;
//! - `operands`: A in segments, B in panels, C, the epilogue, and the check that they fit;
//! - `sparse`: the nonzero columns of A;
//! - `dispatch`: the kernels of this machine;
//! - `isa`: vectors of each instruction set;
//! - `view`: strided matrices.
#![allow(unsafe_code)]

mod dispatch;
mod isa;
mod macrokernel;
mod microkernel;
mod operands;
#[cfg(feature = "internals")]
mod peak;
mod sparse;
mod view;

pub use dispatch::Kernel;
pub(crate) use isa::{NR, Vectorize, VectorizeMath, prefetch_slice};
pub(crate) use operands::{Epilogue, Output, Panels, Segments};
#[cfg(test)]
pub(crate) use sparse::cases as sparse_cases;
pub(crate) use sparse::{Column, NonzeroColumns, NonzeroRef, ROW_GROUP, nonzero_columns, row_group_flags};
pub use view::{MatMut, MatRef};
