//! From a path to a program that is ready to run.

use std::sync::Arc;

use hostfs::{FileDescription, Namespace};
use mm::MemoryManager;
use usermem_types::{Addr, AddrRange, Errno};

use crate::LoadError;
use crate::auxv::{Auxv, key};
use crate::contents::read_at;
use crate::elf::{self, Headers};
use crate::image::{self, MappedImage, Placement};
use crate::script::{self, Shebang};
use crate::stack::{self, StackContents};

/// How many scripts may name each other as interpreters before Linux gives up.
const SCRIPT_DEPTH: usize = 5;

/// How much of a file is looked at to see what it is: Linux's `BINPRM_BUF_SIZE`.
const HEAD_LEN: usize = 256;

const O_RDONLY: u32 = 0;
const O_CLOEXEC: u32 = 0o2_000_000;

/// What to start, and how.
#[derive(Debug)]
pub struct LoadRequest<'a> {
    /// The tree of files that the program sees.
    pub namespace: &'a Namespace,
    /// Where a relative path starts.
    pub cwd: &'a dyn FileDescription,
    /// The path of the program.
    pub path: &'a [u8],
    /// Its arguments, the zeroth included.
    pub argv: Vec<Vec<u8>>,
    /// Its environment.
    pub envp: Vec<Vec<u8>>,
    /// Real and effective user, real and effective group.
    pub ids: [u32; 4],
    /// Sixteen random bytes for `AT_RANDOM`.
    pub random: [u8; 16],
    /// What the processor offers: `AT_HWCAP` and `AT_HWCAP2`.
    pub hwcap: (u64, u64),
}

/// A program that is mapped and ready to run.
#[derive(Clone, Debug)]
pub struct LoadedProgram {
    /// The first instruction: the interpreter's when there is one.
    pub entry: Addr,
    /// The stack pointer to start with.
    pub stack_pointer: Addr,
    /// The argument strings.
    pub argv: AddrRange,
    /// The environment strings.
    pub envp: AddrRange,
    /// The auxiliary vector, as in memory.
    pub auxv: Vec<u8>,
    /// The path of the image that runs: of the interpreter, for a script.
    pub executable: Vec<u8>,
}

/// An image whose headers are read, not yet mapped.
struct Image {
    path: Vec<u8>,
    file: Arc<dyn FileDescription>,
    headers: Headers,
}

/// Maps the program of a request into an empty address space and builds its stack.
///
/// # Errors
/// Which file was at fault and why. The address space is of no more use then.
pub fn load(
    memory: &MemoryManager,
    mut request: LoadRequest<'_>,
) -> Result<LoadedProgram, LoadError> {
    let program = find_image(&mut request)?;
    let interpreter = match read_interpreter_path(&program)? {
        Some(path) => {
            let file = open_executable(&request, &path)?;
            let head = read_head(&path, &*file)?;
            Some(read_image(path, file, &head)?)
        }
        None => None,
    };

    let placement = match interpreter {
        Some(_) => Placement::Near(memory.layout().pie_base),
        None => Placement::Anywhere,
    };
    let main = map_image(memory, &program, placement)?;
    let linker = match &interpreter {
        Some(image) => Some(map_image(memory, image, Placement::Anywhere)?),
        None => None,
    };
    let refuse = |errno, why: &str| LoadError::new(&program.path, errno, why);
    memory.set_brk_base(main.end).map_err(|errno| refuse(errno, "no room for the heap"))?;

    let stack = memory.map_stack().map_err(|errno| refuse(errno, "no room for the stack"))?;
    if program.headers.executable_stack {
        const READ_WRITE_EXECUTE: u32 = 7;
        memory
            .mprotect(stack.start(), stack.len(), READ_WRITE_EXECUTE)
            .map_err(|errno| refuse(errno, "the stack cannot be made executable"))?;
    }
    let auxv = auxiliary_vector(&request, &program.headers, &main, linker.as_ref());
    let contents = StackContents {
        argv: &request.argv,
        envp: &request.envp,
        executable: request.path,
        random: request.random,
        auxv,
    };
    let layout = stack::build(memory, stack, contents)
        .map_err(|errno| refuse(errno, "arguments and environment do not fit on the stack"))?;
    Ok(LoadedProgram {
        entry: linker.map_or(main.entry, |linker| linker.entry),
        stack_pointer: layout.pointer,
        argv: layout.argv,
        envp: layout.envp,
        auxv: layout.auxv,
        executable: program.file.path(),
    })
}

/// Follows scripts to the image that interprets them, and changes the arguments accordingly.
fn find_image(request: &mut LoadRequest<'_>) -> Result<Image, LoadError> {
    let mut path = request.path.to_vec();
    for _ in 0..=SCRIPT_DEPTH {
        let file = open_executable(request, &path)?;
        let head = read_head(&path, &*file)?;
        if elf::is_elf(&head) {
            return read_image(path, file, &head);
        }
        let Some(Shebang { interpreter, argument }) = script::parse(&head) else {
            return Err(LoadError::new(&path, Errno::ENOEXEC, "neither an ELF image nor a script"));
        };
        let mut argv = vec![interpreter.clone()];
        argv.extend(argument);
        argv.push(path);
        argv.extend(request.argv.drain(..).skip(1));
        request.argv = argv;
        path = interpreter;
    }
    Err(LoadError::new(&path, Errno::ELOOP, "too many scripts name each other as interpreters"))
}

/// Opens a file that may be executed.
fn open_executable(
    request: &LoadRequest<'_>,
    path: &[u8],
) -> Result<Arc<dyn FileDescription>, LoadError> {
    const EXECUTE: u32 = 1;
    let namespace = request.namespace;
    let refuse = |errno, why: &str| LoadError::new(path, errno, why);
    let stat = namespace.stat(request.cwd, path, 0).map_err(|errno| match errno {
        Errno::ENOENT => refuse(errno, "no such file"),
        errno => refuse(errno, "cannot be found"),
    })?;
    const TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    if stat.mode & TYPE != REGULAR {
        return Err(refuse(Errno::EACCES, "not a regular file"));
    }
    if stat.mode & 0o111 == 0 || namespace.access(request.cwd, path, EXECUTE, 0).is_err() {
        return Err(refuse(Errno::EACCES, "not executable"));
    }
    namespace
        .open(request.cwd, path, O_RDONLY | O_CLOEXEC, 0)
        .map_err(|errno| refuse(errno, "cannot be opened"))
}

fn read_head(path: &[u8], file: &dyn FileDescription) -> Result<Vec<u8>, LoadError> {
    read_at(file, 0, HEAD_LEN).map_err(|errno| LoadError::new(path, errno, "cannot be read"))
}

fn read_image(
    path: Vec<u8>,
    file: Arc<dyn FileDescription>,
    head: &[u8],
) -> Result<Image, LoadError> {
    let head = head.get(..elf::FILE_HEADER_LEN).unwrap_or(head);
    if !elf::is_elf(head) {
        return Err(LoadError::new(&path, Errno::ELIBBAD, "the interpreter is no ELF image"));
    }
    let place = elf::table_place(&path, head)?;
    let table = place
        .file_offset
        .checked_add(place.len as u64)
        .filter(|end| i64::try_from(*end).is_ok())
        .ok_or(Errno::ENOEXEC)
        .and_then(|_| read_at(&*file, place.file_offset, place.len))
        .map_err(|_| LoadError::new(&path, Errno::ENOEXEC, "the program headers are cut off"))?;
    let headers = elf::parse(&path, head, &table)?;
    Ok(Image { path, file, headers })
}

fn read_interpreter_path(image: &Image) -> Result<Option<Vec<u8>>, LoadError> {
    let Some(place) = image.headers.interpreter else { return Ok(None) };
    let refuse = |why: &str| LoadError::new(&image.path, Errno::ENOEXEC, why);
    if i64::try_from(place.file_offset).is_err() {
        return Err(refuse("the interpreter's path is cut off"));
    }
    let mut path = read_at(&*image.file, place.file_offset, place.len)
        .ok()
        .filter(|path| path.len() == place.len)
        .ok_or_else(|| refuse("the interpreter's path is cut off"))?;
    if path.pop() != Some(0) {
        return Err(refuse("the interpreter's path has no end"));
    }
    if let Some(end) = path.iter().position(|byte| *byte == 0) {
        path.truncate(end);
    }
    Ok(Some(path))
}

fn map_image(
    memory: &MemoryManager,
    image: &Image,
    placement: Placement,
) -> Result<MappedImage, LoadError> {
    image::map(memory, &image.path, &*image.file, &image.headers, placement)
}

fn auxiliary_vector(
    request: &LoadRequest<'_>,
    headers: &Headers,
    main: &MappedImage,
    linker: Option<&MappedImage>,
) -> Auxv {
    const PROGRAM_HEADER_LEN: u64 = 56;
    let [uid, euid, gid, egid] = request.ids;
    let mut auxv = Auxv::default();
    auxv.push(key::HWCAP, request.hwcap.0);
    auxv.push(key::PAGESZ, 4096);
    auxv.push(key::CLKTCK, 100);
    auxv.push(key::PHDR, main.program_headers);
    auxv.push(key::PHENT, PROGRAM_HEADER_LEN);
    auxv.push(key::PHNUM, headers.program_header_count);
    auxv.push(key::BASE, linker.map_or(0, |linker| linker.bias));
    auxv.push(key::FLAGS, 0);
    auxv.push(key::ENTRY, main.entry.get());
    auxv.push(key::UID, uid.into());
    auxv.push(key::EUID, euid.into());
    auxv.push(key::GID, gid.into());
    auxv.push(key::EGID, egid.into());
    auxv.push(key::SECURE, 0);
    auxv.push(key::HWCAP2, request.hwcap.1);
    auxv
}
