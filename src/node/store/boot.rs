//! [`Boot`]: on which run of which machine the clocks by which leases go are read.

use std::fs;

use crate::files::text::checksum;

/// One run of one machine, as far as its clocks go: readings of two boots have nothing to do with each other.
///
/// It is the number that the kernel has drawn for this run, its last eight bytes combined by "exclusive or" with the checksum of
/// `/proc/self/timens_offsets`: a container may see clocks that are shifted against those of its machine, and is on another boot then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Boot(u128);

impl Boot {
    /// This one. `None` if it cannot be told: then nothing is recognised that another process has written.
    pub(crate) fn this() -> Option<Self> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        // Kernels without time namespaces have no such file.
        let shifts = fs::read("/proc/self/timens_offsets").unwrap_or_default();
        Self::of(&id, &shifts)
    }

    fn of(id: &str, shifts: &[u8]) -> Option<Self> {
        let id = u128::from_str_radix(&id.trim_end().replace('-', ""), 16).ok()?;
        Some(Self(id ^ u128::from(checksum(shifts))))
    }

    /// As it stands in a lease file.
    pub(crate) const fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// As it stands where there are eight bytes for it.
    pub(super) fn short(self) -> u64 {
        checksum(&self.bytes())
    }

    #[cfg(test)]
    pub(crate) const fn numbered(number: u128) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n";

    #[test]
    fn a_boot_is_the_number_of_the_kernel_and_how_its_clocks_are_shifted() {
        let unshifted = Boot::of(ID, b"").unwrap();
        let expected = 0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0_u128 ^ u128::from(checksum(b""));
        assert_eq!(unshifted.bytes(), expected.to_be_bytes());
        let shifted =
            Boot::of(ID, b"monotonic           0         0\nboottime            7 0\n").unwrap();
        assert_eq!(shifted.bytes()[..8], unshifted.bytes()[..8]);
        assert_ne!(shifted, unshifted);
        assert_ne!(shifted.short(), unshifted.short());
    }

    #[test]
    fn this_boot_is_the_same_whenever_it_is_asked_for() {
        assert_eq!(Boot::this(), Boot::this());
        assert_eq!(Boot::this().is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn what_is_no_number_of_a_kernel_is_no_boot() {
        for id in ["", "\n", "none", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-ff", "-", "+"] {
            assert_eq!(Boot::of(id, b""), None, "{id:?}");
        }
    }
}
