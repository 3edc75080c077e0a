//! The headers of an ELF image, checked.

use object::elf::{
    ELFMAG, EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, PF_R, PF_W, PF_X, PT_GNU_STACK,
    PT_INTERP, PT_LOAD, PT_PHDR, ProgramHeader64,
};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{LittleEndian, pod};
use usermem_types::{AccessType, Errno, PATH_MAX};

use crate::LoadError;

const MACHINE: u16 = if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 };

/// The most bytes of program headers that Linux reads.
const PROGRAM_HEADERS_MAX: usize = 65_536;

/// One `PT_LOAD` segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) address: u64,
    pub(crate) file_offset: u64,
    pub(crate) file_len: u64,
    pub(crate) memory_len: u64,
    pub(crate) access: AccessType,
}

/// Where the interpreter's path stands in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InterpreterPath {
    pub(crate) file_offset: u64,
    pub(crate) len: usize,
}

/// What the headers of an image say.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) is_position_independent: bool,
    pub(crate) entry: u64,
    /// Address and count of the program headers once mapped; the address is 0 when they are not.
    pub(crate) program_headers: u64,
    pub(crate) program_header_count: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) interpreter: Option<InterpreterPath>,
    pub(crate) executable_stack: bool,
}

/// What the file header says about the program headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TablePlace {
    pub(crate) file_offset: u64,
    pub(crate) len: usize,
}

/// Bytes of an ELF file header.
pub(crate) const FILE_HEADER_LEN: usize = size_of::<FileHeader64<LittleEndian>>();

/// Returns whether a file begins like an ELF image.
pub(crate) fn is_elf(head: &[u8]) -> bool {
    head.starts_with(&ELFMAG)
}

fn file_header(head: &[u8]) -> Option<&FileHeader64<LittleEndian>> {
    pod::from_bytes(head).ok().map(|(header, _)| header)
}

/// Checks the file header and returns where the program headers are.
pub(crate) fn table_place(path: &[u8], head: &[u8]) -> Result<TablePlace, LoadError> {
    let refuse = |why: &str| LoadError::new(path, Errno::ENOEXEC, why);
    let header = file_header(head).ok_or_else(|| refuse("the ELF header is cut off"))?;
    let endian = LittleEndian;
    if !header.is_supported() || !header.is_little_endian() || !header.is_class_64() {
        return Err(refuse("not a little-endian 64-bit ELF image"));
    }
    if !matches!(header.e_type(endian), ET_EXEC | ET_DYN) {
        return Err(refuse("an ELF file that is not a program"));
    }
    if header.e_machine(endian) != MACHINE {
        return Err(refuse("an ELF image for another machine"));
    }
    let entry_len = size_of::<ProgramHeader64<LittleEndian>>();
    if usize::from(header.e_phentsize(endian)) != entry_len {
        return Err(refuse("program headers of an unknown size"));
    }
    let len = usize::from(header.e_phnum(endian)) * entry_len;
    if len == 0 || len > PROGRAM_HEADERS_MAX {
        return Err(refuse("no program headers, or too many"));
    }
    Ok(TablePlace { file_offset: header.e_phoff(endian), len })
}

/// Reads file header and program headers, which [`table_place`] has located.
pub(crate) fn parse(path: &[u8], head: &[u8], table: &[u8]) -> Result<Headers, LoadError> {
    let refuse = |why: &str| LoadError::new(path, Errno::ENOEXEC, why);
    let endian = LittleEndian;
    let header = file_header(head).ok_or_else(|| refuse("the ELF header is cut off"))?;
    let count = usize::from(header.e_phnum(endian));
    let (table, _) = pod::slice_from_bytes::<ProgramHeader64<LittleEndian>>(table, count)
        .map_err(|()| refuse("the program headers are cut off"))?;
    let mut headers = Headers {
        is_position_independent: header.e_type(endian) == ET_DYN,
        entry: header.e_entry(endian),
        program_headers: 0,
        program_header_count: count as u64,
        segments: Vec::new(),
        interpreter: None,
        executable_stack: false,
    };
    for entry in table {
        match entry.p_type(endian) {
            PT_LOAD => headers.segments.push(segment(path, entry)?),
            PT_INTERP if headers.interpreter.is_none() => {
                headers.interpreter = Some(interpreter(path, entry)?);
            }
            PT_PHDR => headers.program_headers = entry.p_vaddr(endian),
            PT_GNU_STACK => headers.executable_stack = entry.p_flags(endian) & PF_X != 0,
            _ => {}
        }
    }
    if headers.segments.iter().all(|segment| segment.memory_len == 0) {
        return Err(refuse("nothing to load"));
    }
    if headers.program_headers == 0 {
        headers.program_headers = place_of_table(&headers.segments, header.e_phoff(endian));
    }
    Ok(headers)
}

fn segment(path: &[u8], entry: &ProgramHeader64<LittleEndian>) -> Result<Segment, LoadError> {
    let endian = LittleEndian;
    let segment = Segment {
        address: entry.p_vaddr(endian),
        file_offset: entry.p_offset(endian),
        file_len: entry.p_filesz(endian),
        memory_len: entry.p_memsz(endian),
        access: access(entry.p_flags(endian)),
    };
    if segment.file_len > segment.memory_len {
        return Err(LoadError::new(path, Errno::EINVAL, "a segment has more bytes than memory"));
    }
    Ok(segment)
}

fn access(flags: u32) -> AccessType {
    let mut access = AccessType::NONE;
    for (flag, allowed) in
        [(PF_R, AccessType::READ), (PF_W, AccessType::WRITE), (PF_X, AccessType::EXECUTE)]
    {
        if flags & flag != 0 {
            access = access.union(allowed);
        }
    }
    access
}

fn interpreter(
    path: &[u8],
    entry: &ProgramHeader64<LittleEndian>,
) -> Result<InterpreterPath, LoadError> {
    let len = entry.p_filesz(LittleEndian);
    match usize::try_from(len) {
        Ok(len @ 2..=PATH_MAX) => {
            Ok(InterpreterPath { file_offset: entry.p_offset(LittleEndian), len })
        }
        _ => Err(LoadError::new(path, Errno::ENOEXEC, "a bad length of the interpreter's path")),
    }
}

/// The address at which the program headers at `file_offset` are once the segments are mapped.
fn place_of_table(segments: &[Segment], file_offset: u64) -> u64 {
    segments
        .iter()
        .find(|segment| {
            file_offset.checked_sub(segment.file_offset).is_some_and(|into| into < segment.file_len)
        })
        .map_or(0, |segment| (file_offset - segment.file_offset).wrapping_add(segment.address))
}
