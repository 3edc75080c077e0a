//! User and group ids. They cannot change yet: a call that would change them is refused with
//! `EPERM`, one that changes nothing succeeds.

use kernel_task::{Credentials, CurrentTask};
use usermem_types::Errno;

use crate::{Args, SysResult};

/// Linux's `NGROUPS_MAX`.
const NGROUPS_MAX: u32 = 65536;

/// Real, effective and saved id of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ids {
    real: u32,
    effective: u32,
    saved: u32,
    /// May take any id.
    privileged: bool,
}

impl Ids {
    fn of_user(credentials: &Credentials) -> Self {
        Self {
            real: credentials.uid,
            effective: credentials.euid,
            saved: credentials.suid,
            privileged: credentials.euid == 0,
        }
    }

    fn of_group(credentials: &Credentials) -> Self {
        Self {
            real: credentials.gid,
            effective: credentials.egid,
            saved: credentials.sgid,
            privileged: credentials.euid == 0,
        }
    }

    /// Returns the ids after `setuid` or `setgid`.
    fn set(self, id: u32) -> Result<Self, Errno> {
        if id == u32::MAX {
            return Err(Errno::EINVAL);
        }
        if self.privileged {
            return Ok(Self { real: id, effective: id, saved: id, ..self });
        }
        Ok(Self { effective: id, ..self })
    }

    /// Returns the ids after `setreuid` or `setregid`.
    fn set_real_effective(self, real: u32, effective: u32) -> Self {
        let mut new = self;
        if real != u32::MAX {
            new.real = real;
        }
        if effective != u32::MAX {
            new.effective = effective;
        }
        if real != u32::MAX || (effective != u32::MAX && effective != self.real) {
            new.saved = new.effective;
        }
        new
    }

    /// Returns the ids after `setresuid` or `setresgid`.
    fn set_all(self, real: u32, effective: u32, saved: u32) -> Self {
        let pick = |new, old| if new == u32::MAX { old } else { new };
        Self {
            real: pick(real, self.real),
            effective: pick(effective, self.effective),
            saved: pick(saved, self.saved),
            ..self
        }
    }

    /// Succeeds when the new ids are these.
    fn check(self, new: Self) -> SysResult {
        if new == self { Ok(0) } else { Err(Errno::EPERM) }
    }
}

fn user(task: &CurrentTask) -> Ids {
    Ids::of_user(task.task().credentials())
}

fn group(task: &CurrentTask) -> Ids {
    Ids::of_group(task.task().credentials())
}

pub(crate) fn getuid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(u64::from(user(task).real))
}

pub(crate) fn geteuid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(u64::from(user(task).effective))
}

pub(crate) fn getgid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(u64::from(group(task).real))
}

pub(crate) fn getegid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(u64::from(group(task).effective))
}

pub(crate) fn getresuid(task: &mut CurrentTask, args: &Args) -> SysResult {
    copy_out_ids(task, args, user(task))
}

pub(crate) fn getresgid(task: &mut CurrentTask, args: &Args) -> SysResult {
    copy_out_ids(task, args, group(task))
}

fn copy_out_ids(task: &CurrentTask, args: &Args, ids: Ids) -> SysResult {
    for (index, id) in [ids.real, ids.effective, ids.saved].iter().enumerate() {
        task.copy_out(args.addr(index), id)?;
    }
    Ok(0)
}

pub(crate) fn setuid(task: &mut CurrentTask, args: &Args) -> SysResult {
    let ids = user(task);
    ids.check(ids.set(args.uint(0))?)
}

pub(crate) fn setgid(task: &mut CurrentTask, args: &Args) -> SysResult {
    let ids = group(task);
    ids.check(ids.set(args.uint(0))?)
}

pub(crate) fn setreuid(task: &mut CurrentTask, args: &Args) -> SysResult {
    let ids = user(task);
    ids.check(ids.set_real_effective(args.uint(0), args.uint(1)))
}

pub(crate) fn setregid(task: &mut CurrentTask, args: &Args) -> SysResult {
    let ids = group(task);
    ids.check(ids.set_real_effective(args.uint(0), args.uint(1)))
}

pub(crate) fn setresuid(task: &mut CurrentTask, args: &Args) -> SysResult {
    let ids = user(task);
    ids.check(ids.set_all(args.uint(0), args.uint(1), args.uint(2)))
}

pub(crate) fn setresgid(task: &mut CurrentTask, args: &Args) -> SysResult {
    let ids = group(task);
    ids.check(ids.set_all(args.uint(0), args.uint(1), args.uint(2)))
}

/// Returns the old id and never fails, as on Linux.
pub(crate) fn setfsuid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(u64::from(user(task).effective))
}

/// Returns the old id and never fails, as on Linux.
pub(crate) fn setfsgid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(u64::from(group(task).effective))
}

pub(crate) fn getgroups(task: &mut CurrentTask, args: &Args) -> SysResult {
    let size = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    let groups = &task.task().credentials().groups;
    if size != 0 {
        if groups.len() > size {
            return Err(Errno::EINVAL);
        }
        task.copy_out(args.addr(1), groups.as_slice())?;
    }
    Ok(groups.len() as u64)
}

pub(crate) fn setgroups(task: &mut CurrentTask, args: &Args) -> SysResult {
    if !user(task).privileged {
        return Err(Errno::EPERM);
    }
    if args.uint(0) > NGROUPS_MAX {
        return Err(Errno::EINVAL);
    }
    let mut new: Vec<u32> = task.copy_in_array(args.addr(1), args.uint(0) as usize)?;
    let mut old = task.task().credentials().groups.clone();
    new.sort_unstable();
    old.sort_unstable();
    if new == old { Ok(0) } else { Err(Errno::EPERM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Ids = Ids { real: 1, effective: 2, saved: 3, privileged: false };
    const ROOT: Ids = Ids { real: 0, effective: 0, saved: 0, privileged: true };

    #[test]
    fn only_a_change_is_refused() {
        let check = |ids: Ids, new| ids.check(new);
        assert_eq!(USER.set(u32::MAX), Err(Errno::EINVAL));
        assert_eq!(check(USER, USER.set(2).unwrap()), Ok(0));
        assert_eq!(check(USER, USER.set(1).unwrap()), Err(Errno::EPERM));
        assert_eq!(check(ROOT, ROOT.set(0).unwrap()), Ok(0));
        assert_eq!(check(ROOT, ROOT.set(1).unwrap()), Err(Errno::EPERM));
        assert_eq!(check(USER, USER.set_all(u32::MAX, 2, 3)), Ok(0));
        assert_eq!(check(USER, USER.set_all(u32::MAX, 2, 1)), Err(Errno::EPERM));
        assert_eq!(check(USER, USER.set_real_effective(u32::MAX, u32::MAX)), Ok(0));
        // Setting the real id makes the saved one follow the effective one.
        assert_eq!(USER.set_real_effective(1, u32::MAX).saved, 2);
        assert_eq!(check(ROOT, ROOT.set_real_effective(0, 0)), Ok(0));
    }
}
