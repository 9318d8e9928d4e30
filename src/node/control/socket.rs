//! [`ControlSocket`]: a socket file, and [`Nearby`]: how to reach one at a path of any length.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use async_io::Async;
use socket2::{Domain, SockAddr, Socket, Type};

/// The name of the socket in its directory.
pub(super) const NAME: &str = "control";

/// At most this many connections wait to be accepted.
const BACKLOG: i32 = 64;

/// Systems give a path at least 103 bytes.
const DIRECT_PATH_MAX: usize = 100;

/// Listens at a socket file, and removes it in the end.
#[derive(Debug)]
pub(in crate::node) struct ControlSocket {
    listener: Async<UnixListener>,
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl ControlSocket {
    /// Listens in this folder, which nobody else may use: what a dead process has left there is replaced.
    pub(in crate::node) fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => return Err(io::Error::other("it is there, and is no socket")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&Nearby::of(folder)?.address()?)?;
        let there = fs::symlink_metadata(&path)?;
        let file = (there.dev(), there.ino());
        // Nobody can connect before it listens, so nobody else ever could.
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG)?;
        let listener = Async::new(UnixListener::from(socket))?;
        Ok(Self { listener, path, file })
    }

    pub(super) async fn accept(&self) -> io::Result<Async<UnixStream>> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let is_ours = |there: fs::Metadata| (there.dev(), there.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A way to the socket in a folder: an address has room for 108 bytes, and a path may be longer.
#[derive(Debug)]
pub(super) struct Nearby {
    path: PathBuf,
    /// Open as long as the path leads through it.
    _folder: Option<File>,
}

impl Nearby {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        if path.as_os_str().len() <= DIRECT_PATH_MAX {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(folder)?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
        let path = Path::new("/proc/self/fd").join(number.to_string()).join(NAME);
        Ok(Self { path, _folder: Some(folder) })
    }

    pub(super) fn address(&self) -> io::Result<SockAddr> {
        SockAddr::unix(&self.path)
    }
}
