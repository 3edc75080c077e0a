//! Everything that can be asked of an address space, of a memory manager and of the model.

use std::sync::Arc;

use memmap::AddressSpace;
use mm::{MemoryManager, MmapFlags, MmapRequest};
use platform::mirror::MirrorPlatform;
use platform::null::NullAddressSpace;
use proptest::prelude::{any, proptest};
use testkit::{Area, Layout, ModelMemory, check, strategies};
use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, Addr};

use crate::rig::{PAGE, memory};

/// The lowest address that can be mapped.
const START: u64 = 0x1_0000;
const END: u64 = START + 16 * PAGE;

/// Maps what a layout says, in the model and for real, and fills both alike.
fn both(
    space: Arc<dyn AddressSpace>,
    layout: &Layout,
    seed: u8,
) -> (Arc<MemoryManager>, ModelMemory) {
    let mm = MemoryManager::new(space, memory(None));
    let model = ModelMemory::new(&Layout::new(Vec::new())).with_user_end(mm.layout().limit);
    for area in layout.areas() {
        let (start, len) = (area.range.start(), area.range.len());
        if start.get() < START || len == 0 {
            continue;
        }
        let flags = MmapFlags::PRIVATE | MmapFlags::ANONYMOUS | MmapFlags::FIXED;
        let access = area.access;
        let request = MmapRequest {
            addr: start,
            len,
            access,
            max_access: AccessType::ALL,
            flags,
            offset: 0,
            object: None,
        };
        assert_eq!(mm.mmap(request), Ok(start));
        let (access, max_access) = (access.effective(), AccessType::ALL);
        model.map(Area { range: area.range, access, max_access, fault: None });
        // NULs and numbers now and then, for strings.
        let bytes: Vec<u8> =
            (0..len).map(|at| b"12 \0+-7a"[((at / 7) as u8 ^ seed) as usize % 8]).collect();
        assert_eq!(mm.copy_out(start, &bytes, IoOpts::IGNORE_PERMISSIONS), Ok(bytes.len()));
        model.fill(start, &bytes);
    }
    (mm, model)
}

proptest! {
    #[test]
    fn a_memory_manager_behaves_like_the_model(
        layout in strategies::layouts(END, PAGE, 8),
        ops in strategies::ops(END, 6000, 10),
        seed in any::<u8>(),
    ) {
        let mirror = MirrorPlatform::new().unwrap().with_window(1 << 30).new_mirror().unwrap();
        let spaces: [Arc<dyn AddressSpace>; 2] =
            [Arc::new(NullAddressSpace::default()), Arc::new(mirror)];
        for space in spaces {
            let (mm, model) = both(space, &layout, seed);
            check(&*mm, &model, &ops);
            // Mapped pages in order, as the model lists them.
            let mut content = Vec::new();
            let mut page = [0; PAGE as usize];
            for addr in (START..END).step_by(page.len()).map(Addr::new) {
                if mm.copy_in(addr, &mut page, IoOpts::IGNORE_PERMISSIONS).is_ok() {
                    content.extend_from_slice(&page);
                }
            }
            assert!(content == model.content(), "the contents differ");
        }
    }
}
