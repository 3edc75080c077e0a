//! How an access is checked.

/// How an access is checked.
///
/// There is no default: whoever makes an access says whose protections it honours.
///
/// ```
/// use usermem_io::IoOpts;
///
/// // A debugger's access, as by `PTRACE_POKEDATA`.
/// assert!(IoOpts::IGNORE_PERMISSIONS.ignore_permissions);
/// // Every other one.
/// assert!(!IoOpts::CHECKED.ignore_permissions);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoOpts {
    /// Check against what the mapped object allows at most, not against the protections that the
    /// program chose: `PTRACE_POKEDATA` and the like.
    pub ignore_permissions: bool,
}

impl IoOpts {
    /// The program's own protections apply.
    pub const CHECKED: Self = Self { ignore_permissions: false };
    /// The program's own protections are ignored.
    pub const IGNORE_PERMISSIONS: Self = Self { ignore_permissions: true };
}
