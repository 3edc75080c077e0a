//! Short accesses between two pages that nobody may touch.
//!
//! A fault of such a page would show in no result: the access would be made again, byte by byte, and
//! arrive. So a handler on top of ours counts the faults.

use std::mem::MaybeUninit;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{SIGSEGV, c_int, c_void, siginfo_t};
use safecopy::{BackEnd, DstBlock, SrcBlock, copy, copy_to_uninit, init, zero};

use crate::child::{End, ends, install, installed, three};

const PAGE: usize = 4096;

/// The lengths for which accesses are inlined.
const LONGEST: usize = 64;

/// What is in memory that nothing is copied to.
const UNTOUCHED: u8 = 0xee;

static OURS: AtomicUsize = AtomicUsize::new(0);
static FAULTS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_and_pass(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    FAULTS.fetch_add(1, Ordering::SeqCst);
    let address = std::ptr::with_exposed_provenance::<()>(OURS.load(Ordering::SeqCst));
    // SAFETY: it is the handler that was installed before this one, with SA_SIGINFO.
    let ours: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
        unsafe { std::mem::transmute(address) };
    ours(signal, info, context);
}

/// A page between two that nobody may touch.
struct Guarded {
    page: *mut u8,
}

impl Guarded {
    fn new() -> Self {
        // SAFETY: the kernel chooses an address where nothing is.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                3 * PAGE,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        let page = base.wrapping_byte_add(PAGE);
        // SAFETY: nothing uses the page.
        let result = unsafe { libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(result, 0);
        Self { page: page.cast() }
    }

    /// Fills the page, and stores `content` at `at`.
    fn set(&self, at: usize, content: &[u8]) {
        assert!(at + content.len() <= PAGE);
        // SAFETY: the page is there, and no reference to it lives.
        unsafe { self.page.write_bytes(UNTOUCHED, PAGE) };
        // SAFETY: so is the part of it.
        unsafe { self.page.wrapping_add(at).copy_from(content.as_ptr(), content.len()) };
    }

    /// Fails unless the page is as after `set(at, content)`.
    #[track_caller]
    fn check(&self, at: usize, content: &[u8]) {
        // SAFETY: the page is there, and nothing writes it while the reference lives.
        let page = unsafe { slice::from_raw_parts(self.page, PAGE) };
        assert_eq!(&page[at..at + content.len()], content);
        let mut around = page[..at].iter().chain(&page[at + content.len()..]);
        assert!(around.all(|&byte| byte == UNTOUCHED));
    }

    fn block(&self, at: usize, len: usize) -> DstBlock<'_> {
        // SAFETY: no Rust object is in the three pages.
        unsafe { DstBlock::from_raw(self.page.wrapping_add(at), len) }
    }
}

/// Makes every access of `len` bytes at one place of each page; returns how many.
fn every_access(
    (src, src_at): (&Guarded, usize),
    (dst, dst_at): (&Guarded, usize),
    len: usize,
) -> usize {
    let content: [u8; LONGEST] = std::array::from_fn(|at| (at + len) as u8 | 0x80);
    let content = &content[..len];
    src.set(src_at, content);
    let from = src.block(src_at, len).as_source();
    dst.set(dst_at, &[]);
    assert_eq!(copy(dst.block(dst_at, len), from), Ok(len));
    dst.check(dst_at, content);
    dst.set(dst_at, content);
    assert_eq!(zero(dst.block(dst_at, len)), Ok(len));
    dst.check(dst_at, &[0; LONGEST][..len]);
    dst.set(dst_at, &[]);
    let uninit = dst.page.wrapping_add(dst_at).cast::<MaybeUninit<u8>>();
    // SAFETY: the part of the page is there, and nothing else refers to it.
    let uninit = unsafe { slice::from_raw_parts_mut(uninit, len) };
    assert_eq!(copy_to_uninit(uninit, from).map(|filled| filled.len()), Ok(len));
    dst.check(dst_at, content);
    3
}

#[test]
fn pitfall_18_short_accesses_touch_no_byte_outside() {
    ends(End::Exit(0), || {
        init().unwrap();
        OURS.store(installed(SIGSEGV), Ordering::SeqCst);
        install(SIGSEGV, three(count_and_pass), libc::SA_SIGINFO | libc::SA_ONSTACK);
        let (src, dst) = (Guarded::new(), Guarded::new());
        for back_end in BackEnd::available() {
            back_end.select();
            let mut accesses = 0;
            for len in 1..=LONGEST {
                for (src_at, dst_at) in
                    [(0, 0), (0, PAGE - len), (PAGE - len, 0), (PAGE - len, PAGE - len)]
                {
                    accesses += every_access((&src, src_at), (&dst, dst_at), len);
                    assert_eq!(FAULTS.load(Ordering::SeqCst), 0, "{back_end}, {len} bytes");
                }
            }
            assert_eq!(accesses, LONGEST * 4 * 3);
        }
        // What it looks for, it would find.
        for outside in [src.block(0, 0).as_ptr().wrapping_sub(1), src.block(PAGE, 0).as_ptr()] {
            FAULTS.store(0, Ordering::SeqCst);
            // SAFETY: no Rust object is there.
            let outside = unsafe { SrcBlock::from_raw(outside, 1) };
            assert!(copy(DstBlock::from_slice(&mut [0]), outside).is_err());
            assert_ne!(FAULTS.load(Ordering::SeqCst), 0);
        }
    });
}
