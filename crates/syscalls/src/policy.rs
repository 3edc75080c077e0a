//! Memory policies: arguments are unpacked here, and the memory manager decides.

use kernel_task::CurrentTask;
use mm::{MemoryPolicy, NodeSet, PolicyMode};
use usermem_types::{Addr, Errno};

use crate::{Args, SysResult};

/// Bits in a word of a mask of nodes.
const WORD_BITS: u64 = 64;
/// The most bits that a mask may have: those of a page.
const MASK_MAX: u64 = 4096 * 8;
/// How many pages `move_pages` works on at once.
const CHUNK: u64 = 16;

pub(crate) fn mbind(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mode = PolicyMode::from_raw(args.raw(2) as u32)?;
    let nodes = node_set(task, args.addr(3), args.raw(4))?;
    let memory = task.task().memory_manager();
    memory.mbind(args.addr(0), args.raw(1), mode, nodes, args.uint(5))?;
    Ok(0)
}

pub(crate) fn set_mempolicy(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mode = PolicyMode::from_raw(args.uint(0))?;
    let nodes = node_set(task, args.addr(1), args.raw(2))?;
    let policy = MemoryPolicy::new(mode, nodes)?;
    task.task().attributes().lock().mempolicy = policy;
    Ok(0)
}

pub(crate) fn get_mempolicy(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (mode, mask, max) = (args.addr(0), args.addr(1), args.raw(2));
    // Room for the one node that there is.
    if mask != Addr::ZERO && max < 1 {
        return Err(Errno::EINVAL);
    }
    let of_task = task.task().attributes().lock().mempolicy;
    let memory = task.task().memory_manager();
    let (number, nodes) = memory.get_mempolicy(of_task, args.addr(3), args.raw(4))?;
    if mode != Addr::ZERO {
        task.copy_out(mode, &number)?;
    }
    if mask != Addr::ZERO {
        put_nodes(task, mask, max, nodes)?;
    }
    Ok(0)
}

pub(crate) fn set_mempolicy_home_node(task: &mut CurrentTask, args: &Args) -> SysResult {
    let memory = task.task().memory_manager();
    memory.set_policy_home(args.addr(0), args.raw(1), args.raw(2), args.raw(3))?;
    Ok(0)
}

pub(crate) fn migrate_pages(task: &mut CurrentTask, args: &Args) -> SysResult {
    node_set(task, args.addr(2), args.raw(1))?;
    let to = node_set(task, args.addr(3), args.raw(1))?;
    check_process(task, args.int(0))?;
    task.task().memory_manager().migrate_pages(to)
}

pub(crate) fn move_pages(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (count, pages, nodes, status) = (args.raw(1), args.addr(2), args.addr(3), args.addr(4));
    task.task().memory_manager().check_move_pages(args.uint(5))?;
    check_process(task, args.int(0))?;
    let chunk = if nodes == Addr::ZERO { CHUNK } else { 1 };
    let mut done = 0;
    while done < count {
        let len = chunk.min(count - done);
        let addrs = task.copy_in_array::<u64>(element(pages, done, 8)?, len as usize)?;
        if nodes != Addr::ZERO {
            let node = task.copy_in::<i32>(element(nodes, done, 4)?)?;
            task.task().memory_manager().check_node(node)?;
        }
        let places: Vec<i32> = addrs.iter().map(|addr| place(task, Addr::new(*addr))).collect();
        task.copy_out(element(status, done, 4)?, places.as_slice())?;
        done += len;
    }
    Ok(0)
}

/// Returns the node of a page, or a negative error number.
fn place(task: &CurrentTask, addr: Addr) -> i32 {
    task.task().memory_manager().node_of_page(addr).unwrap_or_else(|errno| -errno.raw())
}

fn element(array: Addr, index: u64, size: u64) -> Result<Addr, Errno> {
    index.checked_mul(size).and_then(|at| array.checked_add(at)).ok_or(Errno::EFAULT)
}

/// Checks that a process is the program itself: zero, or its own number.
fn check_process(task: &CurrentTask, pid: i32) -> Result<(), Errno> {
    if pid == 0 || pid == task.task().pid() { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Reads a mask of `max - 1` nodes. As in Linux, words beyond all nodes that could be must be
/// empty, and are looked at from the last one on.
fn node_set(task: &CurrentTask, mask: Addr, max: u64) -> Result<NodeSet, Errno> {
    let mut bits = max.wrapping_sub(1);
    if bits == 0 || mask == Addr::ZERO {
        return Ok(NodeSet::default());
    }
    if bits > MASK_MAX {
        return Err(Errno::EINVAL);
    }
    while bits > NodeSet::MAX_NODES {
        let last = task.copy_in::<u64>(element(mask, (bits - 1) / WORD_BITS, 8)?)?;
        if last != 0 {
            return Err(Errno::EINVAL);
        }
        bits = (bits - WORD_BITS).max(NodeSet::MAX_NODES);
    }
    let mut words = task.copy_in_array::<u64>(mask, bits.div_ceil(WORD_BITS) as usize)?;
    if let Some(last) = words.last_mut()
        && !bits.is_multiple_of(WORD_BITS)
    {
        *last &= (1 << (bits % WORD_BITS)) - 1;
    }
    let (low, beyond) = words.split_first().unwrap_or((&0, &[]));
    Ok(NodeSet { low: *low, beyond: beyond.iter().any(|word| *word != 0) })
}

/// Writes the nodes into a mask of `max - 1` nodes, and zeroes what lies beyond the first word.
fn put_nodes(task: &CurrentTask, mask: Addr, max: u64, nodes: NodeSet) -> Result<(), Errno> {
    // As in Linux, rounding up may wrap to nothing.
    let bytes = (max - 1).checked_next_multiple_of(WORD_BITS).unwrap_or(0) / 8;
    let Some(rest) = bytes.checked_sub(8) else { return Ok(()) };
    if bytes > 4096 {
        return Err(Errno::EINVAL);
    }
    if rest > 0 {
        task.copy_out(element(mask, 1, 8)?, vec![0u8; rest as usize].as_slice())?;
    }
    task.copy_out(mask, &nodes.low)
}
