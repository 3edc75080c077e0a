//! Host memory and sequences of blocks of it in the most naive way.

use std::collections::{BTreeMap, VecDeque};

use safecopy::{BlockSeq, HostFault};
use usermem_types::{FaultKind, Partial, Transfer};

/// Memory of the host: a map from addresses to bytes. What is not in it may not be accessed.
///
/// ```
/// use testkit::{ModelBlocks, ModelHost};
///
/// let mut host = ModelHost::default();
/// host.insert(0x1000, b"abcd");
/// // The second block goes on where there is no memory.
/// let blocks = ModelBlocks::new(&[(0x1000, 1), (0x1002, 4)]);
/// let partial = host.zero(&blocks).unwrap_err();
/// assert_eq!((partial.done, partial.cause.addr), (3, 0x1004));
/// assert_eq!(host.load(0x1001), Ok(b'b'));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelHost {
    bytes: BTreeMap<usize, u8>,
}

impl ModelHost {
    /// Puts memory at an address.
    pub fn insert(&mut self, addr: usize, bytes: &[u8]) {
        self.bytes.extend((addr..).zip(bytes.iter().copied()));
    }

    /// Returns all memory, by address.
    pub fn bytes(&self) -> impl Iterator<Item = (usize, u8)> {
        self.bytes.iter().map(|(addr, byte)| (*addr, *byte))
    }

    /// Loads a byte.
    ///
    /// # Errors
    /// The fault, when there is none.
    pub fn load(&self, addr: usize) -> Result<u8, HostFault> {
        self.bytes.get(&addr).copied().ok_or(fault(addr))
    }

    /// Stores a byte.
    ///
    /// # Errors
    /// The fault, when there is no memory.
    pub fn store(&mut self, addr: usize, byte: u8) -> Result<(), HostFault> {
        let place = self.bytes.get_mut(&addr).ok_or(fault(addr))?;
        *place = byte;
        Ok(())
    }

    /// Does what [`safecopy::copy_seq`] does.
    ///
    /// # Errors
    /// As there.
    pub fn copy(&mut self, dsts: &ModelBlocks, srcs: &ModelBlocks) -> Transfer<HostFault> {
        self.each(dsts.addrs().zip(srcs.addrs()), |host, (dst, src)| {
            let byte = host.load(src)?;
            host.store(dst, byte)
        })
    }

    /// Does what [`safecopy::zero_seq`] does.
    ///
    /// # Errors
    /// As there.
    pub fn zero(&mut self, dsts: &ModelBlocks) -> Transfer<HostFault> {
        self.each(dsts.addrs(), |host, dst| host.store(dst, 0))
    }

    fn each<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        step: impl Fn(&mut Self, T) -> Result<(), HostFault>,
    ) -> Transfer<HostFault> {
        let mut done = 0;
        for item in items {
            step(self, item).map_err(|fault| Partial::new(done, fault))?;
            done += 1;
        }
        Ok(done)
    }
}

fn fault(addr: usize) -> HostFault {
    HostFault { kind: FaultKind::Protection, addr }
}

/// A sequence of blocks: for each, the addresses of its bytes.
///
/// ```
/// let blocks = testkit::ModelBlocks::new(&[(0x10, 3), (0x20, 0), (0x30, 2)]);
/// assert_eq!(blocks.drop_first(2).blocks(), [(0x12, 1), (0x30, 2)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelBlocks {
    blocks: VecDeque<VecDeque<usize>>,
}

impl ModelBlocks {
    /// Creates a sequence of blocks from the address and the length of each.
    #[must_use]
    pub fn new(blocks: &[(usize, usize)]) -> Self {
        let addrs = |&(addr, len): &(usize, usize)| (addr..addr + len).collect();
        Self { blocks: blocks.iter().map(addrs).collect() }.without_empty()
    }

    fn without_empty(mut self) -> Self {
        self.blocks.retain(|block| !block.is_empty());
        self
    }

    /// Returns the address of every byte.
    pub fn addrs(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().flatten().copied()
    }

    /// Returns the address and the length of every block.
    #[must_use]
    pub fn blocks(&self) -> Vec<(usize, usize)> {
        self.blocks.iter().map(|block| (block[0], block.len())).collect()
    }

    /// Removes the first block.
    #[must_use]
    pub fn tail(mut self) -> Self {
        self.blocks.pop_front();
        self
    }

    /// Removes bytes from the front.
    #[must_use]
    pub fn drop_first(mut self, bytes: usize) -> Self {
        for _ in 0..bytes {
            if let Some(first) = self.blocks.front_mut() {
                first.pop_front();
            }
            self = self.without_empty();
        }
        self
    }

    /// Removes all but the first bytes.
    #[must_use]
    pub fn take_first(mut self, bytes: usize) -> Self {
        let mut left = bytes;
        for block in &mut self.blocks {
            block.truncate(left);
            left -= block.len();
        }
        self.without_empty()
    }

    /// Checks that a sequence is the same in everything that can be asked of it.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_same<M>(&self, seq: BlockSeq<'_, M>) {
        let blocks = self.blocks();
        let pair = |block: safecopy::Block<'_, M>| (block.addr(), block.len());
        assert_eq!(seq.iter().map(pair).collect::<Vec<_>>(), blocks);
        assert_eq!(seq.num_blocks(), blocks.len());
        assert_eq!(seq.num_bytes(), self.addrs().count());
        assert_eq!(seq.is_empty(), blocks.is_empty());
        assert_eq!(seq.head().map(pair), blocks.first().copied());
        assert_eq!(seq.tail().iter().map(pair).collect::<Vec<_>>(), self.clone().tail().blocks());
        let split = seq.split_first().map(|(head, tail)| (pair(head), tail.num_bytes()));
        let rest = seq.num_bytes() - blocks.first().map_or(0, |(_, len)| *len);
        assert_eq!(split, blocks.first().map(|head| (*head, rest)));
        let texts = blocks.iter().map(|(addr, len)| format!("[{:#x}-{:#x})", addr, addr + len));
        let text = format!("[{}]", texts.collect::<Vec<_>>().join(" "));
        assert_eq!((seq.to_string(), format!("{seq:?}")), (text.clone(), text));
        let iovecs = seq.to_iovecs();
        let pairs = iovecs.iter().map(|iovec| (iovec.iov_base.addr(), iovec.iov_len));
        assert_eq!(pairs.collect::<Vec<_>>(), blocks[..blocks.len().min(1024)]);
        assert_eq!(iovecs.spilled(), blocks.len() > 8);
    }
}
