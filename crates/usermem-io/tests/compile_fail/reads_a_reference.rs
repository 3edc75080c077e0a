//! Bytes of the application never become a reference.

use usermem_io::{BytesIo, IoExt, IoOpts};
use usermem_types::Addr;

fn main() {
    let mut memory = [0; 8];
    let io = BytesIo::new(&mut memory);
    let _ = io.copy_in_object::<&'static u8>(Addr::new(0), IoOpts::CHECKED);
}
