//! The auxiliary vector.

/// Keys of the auxiliary vector, per `getauxval(3)`.
pub(crate) mod key {
    pub(crate) const NULL: u64 = 0;
    pub(crate) const PHDR: u64 = 3;
    pub(crate) const PHENT: u64 = 4;
    pub(crate) const PHNUM: u64 = 5;
    pub(crate) const PAGESZ: u64 = 6;
    pub(crate) const BASE: u64 = 7;
    pub(crate) const FLAGS: u64 = 8;
    pub(crate) const ENTRY: u64 = 9;
    pub(crate) const UID: u64 = 11;
    pub(crate) const EUID: u64 = 12;
    pub(crate) const GID: u64 = 13;
    pub(crate) const EGID: u64 = 14;
    pub(crate) const PLATFORM: u64 = 15;
    pub(crate) const HWCAP: u64 = 16;
    pub(crate) const CLKTCK: u64 = 17;
    pub(crate) const SECURE: u64 = 23;
    pub(crate) const RANDOM: u64 = 25;
    pub(crate) const HWCAP2: u64 = 26;
    pub(crate) const EXECFN: u64 = 31;
}

/// The auxiliary vector of a program: pairs of key and value, ended by a null pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auxv {
    pairs: Vec<(u64, u64)>,
}

impl Auxv {
    pub(crate) fn push(&mut self, key: u64, value: u64) {
        self.pairs.push((key, value));
    }

    /// Returns the words in memory order, the null pair included.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        self.pairs.iter().copied().chain([(key::NULL, 0)]).flat_map(|(key, value)| [key, value])
    }
}
