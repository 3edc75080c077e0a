//! The words between a memory manager and its neighbours.
//!
//! A [`File`] is a store of pages that host memory and stub processes can map; a [`Mappable`] is
//! what a program's mapping refers to and translates to ranges of files; a [`MappingSpace`] is
//! what a mappable sees of a memory manager, and a [`MappingSet`] how it remembers them; an
//! [`AddressSpace`] is where code runs, and a [`CommitLimit`] what all of them may use. Nothing in here implements any of the traits.

#![forbid(unsafe_code)]

mod address_space;
mod commit_limit;
mod file;
mod mappable;
mod mapping_set;

pub use address_space::{AddressSpace, AddressSpaceIo};
pub use commit_limit::CommitLimit;
pub use file::{File, FileRange, FileRef};
pub use mappable::{
    InvalidateOpts, Mappable, MappableRange, MappedObject, MappingIdentity, MappingSpace,
    TranslateError, Translation,
};
pub use mapping_set::MappingSet;
