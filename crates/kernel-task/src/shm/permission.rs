//! Who may do what with an object of System V.

use crate::Credentials;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct IpcCaller<'a> {
    /// The process id.
    pub pid: i32,
    /// Who the task runs as.
    pub credentials: &'a Credentials,
    /// `RLIMIT_MEMLOCK`, in bytes.
    pub memlock: u64,
    /// `CAP_IPC_OWNER`: permissions do not apply.
    pub ignores_permissions: bool,
    /// `CAP_SYS_ADMIN`: may change and remove what is another's.
    pub is_administrator: bool,
    /// `CAP_IPC_LOCK`: limits on locked memory do not apply.
    pub locks_freely: bool,
}

impl IpcCaller<'_> {
    /// Returns whether the caller is in a group.
    pub(super) fn is_member(&self, gid: u32) -> bool {
        gid == self.credentials.egid || self.credentials.groups.contains(&gid)
    }
}

/// The owner, the creator and the permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permissions {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) creator_uid: u32,
    pub(super) creator_gid: u32,
    /// The nine bits of read, write and execute, and those that tell of a state.
    pub(super) mode: u32,
}

impl Permissions {
    /// Returns the permissions of what `caller` creates.
    pub(super) fn new(caller: IpcCaller<'_>, mode: u32) -> Self {
        let (uid, gid) = (caller.credentials.euid, caller.credentials.egid);
        Self { uid, gid, creator_uid: uid, creator_gid: gid, mode: mode & 0o777 }
    }

    /// Returns whether every access that is set in any of the three triples of `wanted` is granted.
    pub(super) fn allow(&self, caller: IpcCaller<'_>, wanted: u32) -> bool {
        let wanted = (wanted >> 6 | wanted >> 3 | wanted) & 0o7;
        let granted = if self.is_owner(caller) {
            self.mode >> 6
        } else if caller.is_member(self.creator_gid) || caller.is_member(self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        wanted & !granted == 0 || caller.ignores_permissions
    }

    /// Returns whether the caller owns or created it.
    pub(super) fn is_owner(&self, caller: IpcCaller<'_>) -> bool {
        [self.uid, self.creator_uid].contains(&caller.credentials.euid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(euid: u32, egid: u32, groups: &[u32]) -> Credentials {
        let groups = groups.to_vec();
        Credentials { uid: 9, euid, suid: 9, gid: 9, egid, sgid: 9, groups }
    }

    fn caller(credentials: &Credentials) -> IpcCaller<'_> {
        IpcCaller {
            pid: 1,
            credentials,
            memlock: 0,
            ignores_permissions: false,
            is_administrator: false,
            locks_freely: false,
        }
    }

    /// Checks which of read, write and both are granted, for each who asks.
    #[test]
    fn one_triple_applies_and_never_two() {
        let mut permissions =
            Permissions { uid: 10, gid: 20, creator_uid: 11, creator_gid: 21, mode: 0o421 };
        let granted = |permissions: &Permissions, euid, egid, groups: &[u32]| -> u32 {
            let credentials = credentials(euid, egid, groups);
            let caller = caller(&credentials);
            let granted = |bit: &u32| permissions.allow(caller, *bit);
            [1, 2, 4].into_iter().filter(granted).sum()
        };
        for (euid, egid, groups, bits) in [
            (10, 1, &[][..], 4),
            (11, 20, &[21], 4),
            (1, 20, &[], 2),
            (1, 21, &[], 2),
            (1, 1, &[5, 21], 2),
            (1, 1, &[5], 1),
        ] {
            assert_eq!(granted(&permissions, euid, egid, groups), bits, "{euid} {egid} {groups:?}");
        }
        permissions.mode = 0o606;
        assert_eq!(granted(&permissions, 1, 20, &[]), 0, "others' bits are not the group's");
        let all = credentials(1, 20, &[]);
        let privileged = IpcCaller { ignores_permissions: true, ..caller(&all) };
        assert!(permissions.allow(privileged, 0o777));
        assert!(!permissions.is_owner(privileged));
    }

    #[test]
    fn every_triple_of_a_request_counts() {
        let owner = credentials(10, 20, &[]);
        let permissions = Permissions::new(caller(&owner), 0o177_640);
        assert_eq!(permissions.mode, 0o640);
        for (wanted, is_granted) in
            [(0, true), (0o400, true), (0o004, true), (0o642, true), (0o001, false), (0o100, false)]
        {
            assert_eq!(permissions.allow(caller(&owner), wanted), is_granted, "{wanted:o}");
        }
    }
}
