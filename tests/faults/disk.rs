//! [`Disk`]: the place where one member keeps its epochs, which can be full.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use super::hosts::{leave_out, run};

/// Two directories of a member fit in, and not much more.
const SIZE: &str = "size=128k";

/// A small file system in memory, where that is allowed; otherwise a folder, which is never full. It goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    is_small: bool,
    pub(crate) is_full: bool,
}

impl Disk {
    /// That it is only a folder is told, and is a failure where nothing may be left out.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("disk-{}-{name}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        let mounted = run(mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&path));
        if let Err(why) = &mounted {
            leave_out(&format!("no disk can be full: {why}"));
        }
        Self { path, is_small: mounted.is_ok(), is_full: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be full. If not, that was told.
    pub(crate) const fn is_small(&self) -> bool {
        self.is_small
    }

    /// The directory of a member on it. Each has a number.
    pub(crate) fn directory(&self, number: u64) -> PathBuf {
        self.path.join(number.to_string())
    }

    /// No byte more fits in.
    pub(crate) fn fill(&mut self) {
        if self.is_small && !self.is_full {
            self.is_full = true;
            let mut filler = File::create(self.filler()).unwrap();
            while filler.write_all(&[0; 4096]).is_ok() {}
        }
    }

    pub(crate) fn empty(&mut self) {
        if self.is_full {
            self.is_full = false;
            fs::remove_file(self.filler()).unwrap();
        }
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_small {
            // Lazily, as a process that ends may still have a file open.
            let _ = run(Command::new("umount").arg("-l").arg(&self.path));
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}
