//! A number from the application may be none of the variants.

use usermem_io::{BytesIo, IoExt, IoOpts};
use usermem_types::Addr;

#[repr(u8)]
enum Whence {
    Set,
    Current,
}

fn main() {
    let mut memory = [2];
    let io = BytesIo::new(&mut memory);
    let _: Result<Whence, _> = io.copy_in_object(Addr::new(0), IoOpts::CHECKED);
}
