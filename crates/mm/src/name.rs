//! Names that a program gives its memory.

use std::sync::Arc;

use usermem_types::{Addr, Errno};

use crate::MemoryManager;
use crate::rare::Rare;
use crate::vma::Vma;

/// What a name cannot contain, besides what is not printable.
const REFUSED: &[u8] = b"\\`$[]";

/// The name of anonymous memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnonName(Arc<[u8]>);

impl AnonName {
    fn new(name: &[u8]) -> Result<Self, Errno> {
        let is_valid = |byte: &u8| matches!(byte, b' '..=b'~') && !REFUSED.contains(byte);
        if name.len() > MemoryManager::ANON_NAME_MAX || !name.iter().all(is_valid) {
            return Err(Errno::EINVAL);
        }
        Ok(Self(name.into()))
    }

    /// Returns the name as `/proc/PID/maps` shows that of a kind of memory.
    pub(crate) fn shown_as(&self, kind: &[u8]) -> Vec<u8> {
        [b"[", kind, b":", &*self.0, b"]"].concat()
    }
}

impl MemoryManager {
    /// The most bytes that a name has, without the NUL at its end.
    pub const ANON_NAME_MAX: usize = 79;

    /// Names anonymous memory, private or shared, or takes its name away, as `prctl(2)` with
    /// `PR_SET_VMA_ANON_NAME`.
    ///
    /// # Errors
    /// `EINVAL` for a name that is too long or has a character that names cannot have, and for a
    /// range that is not aligned or wraps; `EBADF` at memory that is a file's, `EAGAIN` for more
    /// mappings than there may be, `ENOMEM` for holes: what comes before the first of these is
    /// named, and what comes after a hole as well.
    pub fn set_anon_name(&self, addr: Addr, len: u64, name: Option<&[u8]>) -> Result<(), Errno> {
        let name = name.map(AnonName::new).transpose()?;
        let range = crate::advise::advised_range(addr, len)?;
        let mut mapping = self.mapping_mut();
        crate::advise::for_each_part(&mut mapping, range, |mapping, part| {
            let (_, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOMEM)?;
            if !can_have_name(vma) {
                return Err(Errno::EBADF);
            }
            if vma.rare().name == name {
                return Ok(());
            }
            if !mapping.may_cut(part) {
                return Err(Errno::EAGAIN);
            }
            mapping.edit(part, |vma| {
                vma.set_rare(Rare { name: name.clone(), ..vma.rare().clone() });
            });
            Ok(())
        })
    }
}

fn can_have_name(vma: &Vma) -> bool {
    vma.object.as_ref().is_none_or(|object| object.mappable.is_anonymous())
}
