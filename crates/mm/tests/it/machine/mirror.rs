//! A window of this process and a processor in software.

use std::sync::Arc;

use memmap::AddressSpace;
use platform::FaultInfo;
use platform::mirror::{MirrorAddressSpace, MirrorPlatform};

use super::{Access, Machine, soft_access};

/// Bytes of a window: all that the tests use, and little enough for emulators that keep a record of
/// every page.
const WINDOW: u64 = 1 << 28;

pub(crate) struct Mirror(pub(crate) Arc<MirrorAddressSpace>);

impl Machine for Mirror {
    const CASES: u32 = 128;

    fn new() -> Self {
        let platform = MirrorPlatform::new().unwrap().with_window(WINDOW);
        Self(Arc::new(platform.new_mirror().unwrap()))
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

/// A [`Mirror`] that shows so little at once that most of it has always just been hidden.
pub(crate) struct Crowded(Mirror);

impl Machine for Crowded {
    const CASES: u32 = 128;

    fn new() -> Self {
        let platform = MirrorPlatform::new().unwrap().with_window(WINDOW).with_max_pieces(0);
        Self(Mirror(Arc::new(platform.new_mirror().unwrap())))
    }

    fn space(&self) -> Arc<dyn AddressSpace> {
        self.0.space()
    }

    fn access(&mut self, access: Access) -> Result<u64, FaultInfo> {
        self.0.access(access)
    }

    fn mapped_bytes(&self) -> Option<u64> {
        self.0.mapped_bytes()
    }
}
