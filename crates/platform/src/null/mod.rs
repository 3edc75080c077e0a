//! A platform without a host process: mappings are recorded, no code runs.
//!
//! What is recorded is what code could reach, so that tests can play the processor: a
//! [`SoftCpu`](crate::SoftCpu) consults the recorded mappings alone, and a mapping that should have
//! been removed, or is missing, shows as a wrong byte or as a fault that never ends.

mod address_space;
mod soft_memory;

use std::sync::Arc;

use memmap::AddressSpace;
use usermem_types::Errno;

use crate::{Context, Platform, PlatformError};

pub use address_space::{NullAddressSpace, NullMapping};

/// Makes [`NullAddressSpace`]s, and no contexts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullPlatform;

impl Platform for NullPlatform {
    fn new_address_space(&self) -> Result<Arc<dyn AddressSpace>, PlatformError> {
        Ok(Arc::new(NullAddressSpace::new()))
    }

    fn new_context(
        &self,
        _space: &Arc<dyn AddressSpace>,
    ) -> Result<Box<dyn Context>, PlatformError> {
        Err(PlatformError {
            what: "the null platform runs no code".to_owned(),
            errno: Errno::ENOSYS,
        })
    }
}
