//! Error numbers against those of the host.

use usermem_types::Errno;

/// Lists constants by name, ours beside the host's: a list of names is no list of values.
macro_rules! beside_host {
    ($($name:ident)*) => {
        [$((stringify!($name), Errno::$name, libc::$name)),*]
    };
}

#[test]
fn names_and_numbers_are_those_of_the_host() {
    // The architectures that are supported have the same numbers, so the host's are ours.
    let all = beside_host!(
        EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
        ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY
        EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS
        ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
        EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG
        EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ
        EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS
        ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT
        EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH
        ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS
        ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM
        ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED
        EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
    );
    for (name, errno, host) in all {
        assert_eq!(errno.raw(), host, "{name}");
        assert_eq!(errno.name(), Some(name));
        assert_eq!((errno.to_string(), format!("{errno:?}")), (name.to_owned(), name.to_owned()));
        assert_eq!(errno.to_return(), i64::from(-host).cast_unsigned(), "{name}");
        assert_eq!(Errno::from_raw(host), errno);
    }
    // None is missing, and none but these has a name.
    let named = |raw: &i32| Errno::from_raw(*raw).name().is_some();
    assert_eq!((1..=4095).filter(named).count(), all.len());
    // Linux leaves 41 and 58 out: they were second names.
    assert_eq!((1..=133).filter(|raw| !named(raw)).collect::<Vec<_>>(), [41, 58]);
}

#[test]
fn second_names_are_those_of_the_host() {
    let all = beside_host!(EWOULDBLOCK EDEADLOCK ENOTSUP);
    assert_eq!(all.map(|(_, errno, _)| errno.raw()), all.map(|(_, _, host)| host));
    let first = all.map(|(_, errno, _)| errno.name());
    assert_eq!(first, [Some("EAGAIN"), Some("EDEADLK"), Some("EOPNOTSUPP")]);
}

#[test]
#[cfg(target_env = "gnu")]
fn what_has_a_text_on_the_host_has_a_name() {
    for raw in 1..=200 {
        let text = std::io::Error::from_raw_os_error(raw).to_string();
        let known = !text.starts_with("Unknown error");
        assert_eq!(Errno::from_raw(raw).name().is_some(), known, "{raw}: {text}");
    }
}

#[test]
fn every_number_is_one_that_a_call_can_fail_with() {
    for raw in [i32::MIN, -4096, -4095, -14, -1, 0, 4096, 1 << 16, i32::MAX] {
        assert_eq!(Errno::from_raw(raw), Errno::EIO, "{raw}");
    }
    for raw in 1..=4095 {
        assert_eq!(Errno::from_raw(raw).raw(), raw);
        // What libc and the program take for a failure.
        assert!(Errno::from_raw(raw).to_return() > u64::MAX - 4095, "{raw}");
    }
    assert_eq!(Errno::from_raw(512).to_string(), "errno 512");
    assert_eq!(Errno::from_raw(4095).to_return(), u64::MAX - 4094);
}
