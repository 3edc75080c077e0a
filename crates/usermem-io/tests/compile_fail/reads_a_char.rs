//! Most numbers of 32 bits are no `char`.

use usermem_io::{BytesIo, IoExt, IoOpts};
use usermem_types::Addr;

fn main() {
    let mut memory = [0; 4];
    let io = BytesIo::new(&mut memory);
    let _ = io.copy_in_object::<char>(Addr::new(0), IoOpts::CHECKED);
}
