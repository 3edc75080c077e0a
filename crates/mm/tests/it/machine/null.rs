//! Recorded mappings and a processor in software.

use std::sync::Arc;

use memmap::AddressSpace;
use platform::FaultInfo;
use platform::null::NullAddressSpace;

use super::{Access, Machine, soft_access};

pub(crate) struct Null(Arc<NullAddressSpace>);

impl Machine for Null {
    const CASES: u32 = 128;

    fn new() -> Self {
        Self(Arc::new(NullAddressSpace::new()))
    }

    fn space(&self) -> Arc<dyn AddressSpace> {
        Arc::clone(&self.0) as _
    }

    fn access(&mut self, access: Access) -> Result<u64, FaultInfo> {
        soft_access(&*self.0, access)
    }

    fn mapped_bytes(&self) -> Option<u64> {
        Some(self.0.mapped_bytes())
    }
}
