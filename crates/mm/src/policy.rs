//! On which nodes of a machine pages are to be.
//!
//! There is one node, whatever the host has. A policy changes nothing then, but what a program set
//! is kept, checked and told as Linux does on a machine of one node.

use usermem_types::Errno;

const MODE_DEFAULT: u16 = 0;
const MODE_PREFERRED: u16 = 1;
const MODE_BIND: u16 = 2;
const MODE_INTERLEAVE: u16 = 3;
const MODE_LOCAL: u16 = 4;
const MODE_PREFERRED_MANY: u16 = 5;
const MODE_WEIGHTED_INTERLEAVE: u16 = 6;

const FLAG_NUMA_BALANCING: u16 = 1 << 13;
const FLAG_RELATIVE_NODES: u16 = 1 << 14;
const FLAG_STATIC_NODES: u16 = 1 << 15;
/// How the nodes that a program names are to be understood.
const MEANINGS: u16 = FLAG_RELATIVE_NODES | FLAG_STATIC_NODES;
const FLAGS: u16 = FLAG_NUMA_BALANCING | MEANINGS;
/// Flags under which the nodes are kept as the program named them.
const KEEPS_NODES: u16 = FLAGS;

/// A set of nodes, as a program names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeSet {
    /// The first 64 nodes, one bit each.
    pub low: u64,
    /// Whether there are any beyond.
    pub beyond: bool,
}

impl NodeSet {
    /// The only node that there is.
    pub const ONLY: Self = Self { low: 1, beyond: false };
    /// How many nodes Linux knows of at most.
    pub const MAX_NODES: u64 = 1 << 10;

    pub(crate) fn is_empty(self) -> bool {
        self.low == 0 && !self.beyond
    }

    pub(crate) fn has_ours(self) -> bool {
        self.low & 1 != 0
    }

    pub(crate) fn has_others(self) -> bool {
        self.low & !1 != 0 || self.beyond
    }
}

/// How a policy chooses, checked as far as that needs no nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyMode {
    mode: u16,
    flags: u16,
}

impl PolicyMode {
    /// Takes mode and flags as `mbind(2)` and `set_mempolicy(2)` have them, in one number.
    ///
    /// # Errors
    /// `EINVAL` for a mode that there is not, or flags that do not go together.
    pub fn from_raw(raw: u32) -> Result<Self, Errno> {
        let flags = (raw & u32::from(FLAGS)) as u16;
        let mode = raw & !u32::from(FLAGS);
        let Some(mode) = u16::try_from(mode).ok().filter(|mode| *mode <= MODE_WEIGHTED_INTERLEAVE)
        else {
            return Err(Errno::EINVAL);
        };
        let balances = matches!(mode, MODE_BIND | MODE_PREFERRED_MANY);
        if flags & MEANINGS == MEANINGS || flags & FLAG_NUMA_BALANCING != 0 && !balances {
            return Err(Errno::EINVAL);
        }
        Ok(Self { mode, flags })
    }
}

/// On which nodes pages are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPolicy {
    mode: u16,
    flags: u16,
    /// The nodes as the program named them, where that is kept.
    named: NodeSet,
    has_home: bool,
}

impl MemoryPolicy {
    /// Makes a policy; the default one is `None`.
    ///
    /// # Errors
    /// `EINVAL` for nodes that do not go with the mode, or none that there is.
    pub fn new(mode: PolicyMode, nodes: NodeSet) -> Result<Option<Self>, Errno> {
        let PolicyMode { mut mode, flags } = mode;
        let has_meaning = flags & MEANINGS != 0;
        match mode {
            MODE_DEFAULT if nodes.is_empty() => return Ok(None),
            MODE_DEFAULT => return Err(Errno::EINVAL),
            MODE_PREFERRED if nodes.is_empty() && !has_meaning => mode = MODE_LOCAL,
            MODE_LOCAL if nodes.is_empty() && !has_meaning => {}
            MODE_LOCAL => return Err(Errno::EINVAL),
            // Relative nodes are folded onto those that there are.
            _ if flags & FLAG_RELATIVE_NODES != 0 && !nodes.is_empty() => {}
            _ if nodes.has_ours() => {}
            _ => return Err(Errno::EINVAL),
        }
        let named = if flags & KEEPS_NODES != 0 { nodes } else { NodeSet::default() };
        Ok(Some(Self { mode, flags, named, has_home: false }))
    }

    /// Returns mode and flags in one number; zero for the default policy.
    pub(crate) fn raw_mode(policy: Option<Self>) -> u32 {
        policy.map_or(0, |policy| u32::from(policy.mode | policy.flags))
    }

    /// Returns the nodes that `get_mempolicy(2)` tells.
    pub(crate) fn nodes(policy: Option<Self>) -> NodeSet {
        match policy {
            None => NodeSet::default(),
            Some(policy) if policy.flags & KEEPS_NODES != 0 => policy.named,
            Some(policy) if policy.mode == MODE_LOCAL => NodeSet::default(),
            Some(_) => NodeSet::ONLY,
        }
    }

    /// Returns whether pages are spread over nodes in turn.
    pub(crate) fn interleaves(self) -> bool {
        matches!(self.mode, MODE_INTERLEAVE | MODE_WEIGHTED_INTERLEAVE)
    }

    /// Returns the policy with a node to start at.
    ///
    /// # Errors
    /// `EOPNOTSUPP` when its mode has none.
    pub(crate) fn with_home(self) -> Result<Self, Errno> {
        match self.mode {
            MODE_BIND | MODE_PREFERRED_MANY => Ok(Self { has_home: true, ..self }),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }
}
