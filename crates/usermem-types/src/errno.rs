//! Linux error numbers.

use core::fmt;

/// A Linux error number. Zero is not one.
///
/// ```
/// use usermem_types::Errno;
/// assert_eq!(Errno::EFAULT.name(), Some("EFAULT"));
/// assert_eq!(Errno::EFAULT.to_return(), (-14i64) as u64);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

impl Errno {
    /// Creates an error number from its value, as a host call gave it.
    #[must_use]
    pub const fn from_raw(value: i32) -> Self {
        Self(value)
    }

    /// Returns the number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// Returns what a system call that failed this way leaves in the result register.
    #[must_use]
    pub const fn to_return(self) -> u64 {
        -(self.0 as i64) as u64
    }

    /// Returns the symbolic name; `None` for a number that this table does not name.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(errno, _)| *errno == self).map(|(_, name)| *name)
    }
}

/// The named numbers, ascending.
const NAMES: &[(Errno, &str)] = &[
    (Errno::EPERM, "EPERM"),
    (Errno::ENOENT, "ENOENT"),
    (Errno::ESRCH, "ESRCH"),
    (Errno::EINTR, "EINTR"),
    (Errno::EIO, "EIO"),
    (Errno::ENXIO, "ENXIO"),
    (Errno::E2BIG, "E2BIG"),
    (Errno::ENOEXEC, "ENOEXEC"),
    (Errno::EBADF, "EBADF"),
    (Errno::ECHILD, "ECHILD"),
    (Errno::EAGAIN, "EAGAIN"),
    (Errno::ENOMEM, "ENOMEM"),
    (Errno::EACCES, "EACCES"),
    (Errno::EFAULT, "EFAULT"),
    (Errno::ENOTBLK, "ENOTBLK"),
    (Errno::EBUSY, "EBUSY"),
    (Errno::EEXIST, "EEXIST"),
    (Errno::EXDEV, "EXDEV"),
    (Errno::ENODEV, "ENODEV"),
    (Errno::ENOTDIR, "ENOTDIR"),
    (Errno::EISDIR, "EISDIR"),
    (Errno::EINVAL, "EINVAL"),
    (Errno::ENFILE, "ENFILE"),
    (Errno::EMFILE, "EMFILE"),
    (Errno::ENOTTY, "ENOTTY"),
    (Errno::ETXTBSY, "ETXTBSY"),
    (Errno::EFBIG, "EFBIG"),
    (Errno::ENOSPC, "ENOSPC"),
    (Errno::ESPIPE, "ESPIPE"),
    (Errno::EROFS, "EROFS"),
    (Errno::EMLINK, "EMLINK"),
    (Errno::EPIPE, "EPIPE"),
    (Errno::EDOM, "EDOM"),
    (Errno::ERANGE, "ERANGE"),
    (Errno::EDEADLK, "EDEADLK"),
    (Errno::ENAMETOOLONG, "ENAMETOOLONG"),
    (Errno::ENOLCK, "ENOLCK"),
    (Errno::ENOSYS, "ENOSYS"),
    (Errno::ENOTEMPTY, "ENOTEMPTY"),
    (Errno::ELOOP, "ELOOP"),
    (Errno::ENOMSG, "ENOMSG"),
    (Errno::EIDRM, "EIDRM"),
    (Errno::ENOSTR, "ENOSTR"),
    (Errno::ENODATA, "ENODATA"),
    (Errno::ETIME, "ETIME"),
    (Errno::EPROTO, "EPROTO"),
    (Errno::EBADMSG, "EBADMSG"),
    (Errno::EOVERFLOW, "EOVERFLOW"),
    (Errno::ELIBBAD, "ELIBBAD"),
    (Errno::EILSEQ, "EILSEQ"),
    (Errno::EUSERS, "EUSERS"),
    (Errno::ENOTSOCK, "ENOTSOCK"),
    (Errno::EDESTADDRREQ, "EDESTADDRREQ"),
    (Errno::EMSGSIZE, "EMSGSIZE"),
    (Errno::EPROTOTYPE, "EPROTOTYPE"),
    (Errno::ENOPROTOOPT, "ENOPROTOOPT"),
    (Errno::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
    (Errno::EOPNOTSUPP, "EOPNOTSUPP"),
    (Errno::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (Errno::EADDRINUSE, "EADDRINUSE"),
    (Errno::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (Errno::ENETDOWN, "ENETDOWN"),
    (Errno::ENETUNREACH, "ENETUNREACH"),
    (Errno::ECONNABORTED, "ECONNABORTED"),
    (Errno::ECONNRESET, "ECONNRESET"),
    (Errno::ENOBUFS, "ENOBUFS"),
    (Errno::EISCONN, "EISCONN"),
    (Errno::ENOTCONN, "ENOTCONN"),
    (Errno::ETIMEDOUT, "ETIMEDOUT"),
    (Errno::ECONNREFUSED, "ECONNREFUSED"),
    (Errno::EHOSTDOWN, "EHOSTDOWN"),
    (Errno::EHOSTUNREACH, "EHOSTUNREACH"),
    (Errno::EALREADY, "EALREADY"),
    (Errno::EINPROGRESS, "EINPROGRESS"),
    (Errno::ESTALE, "ESTALE"),
    (Errno::EDQUOT, "EDQUOT"),
    (Errno::ECANCELED, "ECANCELED"),
    (Errno::EOWNERDEAD, "EOWNERDEAD"),
    (Errno::ENOTRECOVERABLE, "ENOTRECOVERABLE"),
    (Errno::EHWPOISON, "EHWPOISON"),
];

#[expect(missing_docs, reason = "the names are those of errno(3)")]
impl Errno {
    pub const EPERM: Self = Self(1);
    pub const ENOENT: Self = Self(2);
    pub const ESRCH: Self = Self(3);
    pub const EINTR: Self = Self(4);
    pub const EIO: Self = Self(5);
    pub const ENXIO: Self = Self(6);
    pub const E2BIG: Self = Self(7);
    pub const ENOEXEC: Self = Self(8);
    pub const EBADF: Self = Self(9);
    pub const ECHILD: Self = Self(10);
    pub const EAGAIN: Self = Self(11);
    pub const ENOMEM: Self = Self(12);
    pub const EACCES: Self = Self(13);
    pub const EFAULT: Self = Self(14);
    pub const ENOTBLK: Self = Self(15);
    pub const EBUSY: Self = Self(16);
    pub const EEXIST: Self = Self(17);
    pub const EXDEV: Self = Self(18);
    pub const ENODEV: Self = Self(19);
    pub const ENOTDIR: Self = Self(20);
    pub const EISDIR: Self = Self(21);
    pub const EINVAL: Self = Self(22);
    pub const ENFILE: Self = Self(23);
    pub const EMFILE: Self = Self(24);
    pub const ENOTTY: Self = Self(25);
    pub const ETXTBSY: Self = Self(26);
    pub const EFBIG: Self = Self(27);
    pub const ENOSPC: Self = Self(28);
    pub const ESPIPE: Self = Self(29);
    pub const EROFS: Self = Self(30);
    pub const EMLINK: Self = Self(31);
    pub const EPIPE: Self = Self(32);
    pub const EDOM: Self = Self(33);
    pub const ERANGE: Self = Self(34);
    pub const EDEADLK: Self = Self(35);
    pub const ENAMETOOLONG: Self = Self(36);
    pub const ENOLCK: Self = Self(37);
    pub const ENOSYS: Self = Self(38);
    pub const ENOTEMPTY: Self = Self(39);
    pub const ELOOP: Self = Self(40);
    pub const ENOMSG: Self = Self(42);
    pub const EIDRM: Self = Self(43);
    pub const ENOSTR: Self = Self(60);
    pub const ENODATA: Self = Self(61);
    pub const ETIME: Self = Self(62);
    pub const EPROTO: Self = Self(71);
    pub const EBADMSG: Self = Self(74);
    pub const EOVERFLOW: Self = Self(75);
    pub const ELIBBAD: Self = Self(80);
    pub const EILSEQ: Self = Self(84);
    pub const EUSERS: Self = Self(87);
    pub const ENOTSOCK: Self = Self(88);
    pub const EDESTADDRREQ: Self = Self(89);
    pub const EMSGSIZE: Self = Self(90);
    pub const EPROTOTYPE: Self = Self(91);
    pub const ENOPROTOOPT: Self = Self(92);
    pub const EPROTONOSUPPORT: Self = Self(93);
    pub const EOPNOTSUPP: Self = Self(95);
    pub const EAFNOSUPPORT: Self = Self(97);
    pub const EADDRINUSE: Self = Self(98);
    pub const EADDRNOTAVAIL: Self = Self(99);
    pub const ENETDOWN: Self = Self(100);
    pub const ENETUNREACH: Self = Self(101);
    pub const ECONNABORTED: Self = Self(103);
    pub const ECONNRESET: Self = Self(104);
    pub const ENOBUFS: Self = Self(105);
    pub const EISCONN: Self = Self(106);
    pub const ENOTCONN: Self = Self(107);
    pub const ETIMEDOUT: Self = Self(110);
    pub const ECONNREFUSED: Self = Self(111);
    pub const EHOSTDOWN: Self = Self(112);
    pub const EHOSTUNREACH: Self = Self(113);
    pub const EALREADY: Self = Self(114);
    pub const EINPROGRESS: Self = Self(115);
    pub const ESTALE: Self = Self(116);
    pub const EDQUOT: Self = Self(122);
    pub const ECANCELED: Self = Self(125);
    pub const EOWNERDEAD: Self = Self(130);
    pub const ENOTRECOVERABLE: Self = Self(131);
    pub const EHWPOISON: Self = Self(133);
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Errno {}
