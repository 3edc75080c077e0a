//! A byte of the application may be 2, and no `bool` is.

use usermem_io::{BytesIo, IoExt, IoOpts};
use usermem_types::Addr;

fn main() {
    let mut memory = [2];
    let io = BytesIo::new(&mut memory);
    let _ = io.copy_in_object::<bool>(Addr::new(0), IoOpts::CHECKED);
}
