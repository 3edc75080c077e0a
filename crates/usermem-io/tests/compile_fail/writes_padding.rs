//! Padding holds what was in our memory before; the application must not see it.

use usermem_io::{BytesIo, IoExt, IoOpts};
use usermem_types::Addr;

#[repr(C)]
struct Padded {
    byte: u8,
    word: u32,
}

fn main() {
    let mut memory = [0; 8];
    let mut io = BytesIo::new(&mut memory);
    let _ = io.copy_out_object(Addr::new(0), &Padded { byte: 1, word: 2 }, IoOpts::CHECKED);
}
