//! Everything that can be asked of an address space, on three of them, against the model.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use testkit::{ModelMemory, check, strategies};
use usermem_io::{BytesIo, IoOpts};
use usermem_types::Addr;

use crate::host_memory::{HostMemory, PAGE, Page};

/// What is on pages: bytes without order, or text with numbers that NULs end now and then.
fn content(pages: usize) -> impl Strategy<Value = Vec<u8>> {
    let any_page = vec(any::<u8>(), PAGE);
    let text_page = vec(select(&b"0123456789 \t\n+-ABCDEF"[..]), PAGE);
    let page = prop_oneof![any_page, text_page];
    let nuls = vec(0..pages * PAGE, 0..8);
    (vec(page, pages), nuls).prop_map(|(pages, nuls)| {
        let mut content = pages.concat();
        nuls.into_iter().for_each(|at| content[at] = 0);
        content
    })
}

fn pages() -> impl Strategy<Value = Vec<Page>> {
    let page = prop_oneof![3 => select(vec![Page::ReadWrite]), 3 => select(&Page::ALL[..])];
    vec(page, 5)
}

proptest! {
    #[test]
    fn a_buffer_behaves_like_the_model(
        content in vec(any::<u8>(), 0..40),
        ops in strategies::ops(40, 24, 12),
    ) {
        // Words, so that the buffer is aligned; the model knows no host alignment.
        let mut words = [0u32; 10];
        let buffer = &mut zerocopy::IntoBytes::as_mut_bytes(&mut words)[..content.len()];
        buffer.copy_from_slice(&content);
        let model = ModelMemory::of_bytes(&content);
        check(&BytesIo::new(buffer), &model, &ops);
        assert_eq!(buffer, model.content());
    }

    #[test]
    fn a_large_buffer_behaves_like_the_model(
        content in content(2),
        ops in strategies::ops(2 * PAGE as u64, 1000, 8),
    ) {
        let mut words = [0u32; 2 * PAGE / 4];
        let buffer = zerocopy::IntoBytes::as_mut_bytes(&mut words);
        buffer.copy_from_slice(&content);
        let model = ModelMemory::of_bytes(&content);
        check(&BytesIo::new(buffer), &model, &ops);
        assert_eq!(buffer, model.content());
    }

    #[test]
    fn real_pages_behave_like_the_model(
        pages in pages(),
        content in content(5),
        ops in strategies::ops(5 * PAGE as u64, 4500, 8),
    ) {
        let memory = HostMemory::new(&pages, &content);
        let model = memory.model();
        // The processor ignores nobody's protections.
        let ops: Vec<_> = ops.into_iter().map(|(op, _)| (op, IoOpts::CHECKED)).collect();
        check(&memory, &model, &ops);
        assert_eq!(memory.content(), model.content());
    }

    /// What is built on an address space, where protections can be ignored and ranges refused.
    #[test]
    fn the_model_does_what_it_says(
        layout in strategies::layouts(64, 4, 6),
        end in 16..80u64,
        is_limited in any::<bool>(),
        ops in strategies::ops(64, 24, 12),
    ) {
        let memory = || {
            let memory = ModelMemory::new(&layout);
            if is_limited { memory.with_user_end(Addr::new(end)) } else { memory }
        };
        let (io, model) = (memory(), memory());
        check(&io, &model, &ops);
        assert_eq!(io.content(), model.content());
    }
}
