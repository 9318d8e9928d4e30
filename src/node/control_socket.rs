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
use ballotbox_actors::kit::{clock, off_thread};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::node::store::END_PATIENCE;

/// The name of the socket in its folder.
const NAME: &str = "control";

/// At most this many connections wait to be accepted.
const BACKLOG: i32 = 64;

/// Systems give a path at least 103 bytes.
const DIRECT_PATH_MAX: usize = 100;

/// Listens at a socket file, and removes it in the end.
#[derive(Debug)]
pub(super) struct ControlSocket {
    listener: Async<UnixListener>,
    file: SocketFile,
}

/// The file of a socket. It is removed when this is dropped, which may wait for a disk.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and number.
    number: (u64, u64),
}

impl ControlSocket {
    /// Where it is in this folder.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }

    /// Listens in this folder, which nobody else may use: what a dead process has left there is replaced.
    pub(super) fn bind(folder: &Path) -> io::Result<Self> {
        let path = Self::path(folder);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => return Err(io::Error::other("it is there, and is no socket")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&Nearby::of(folder)?.address()?)?;
        let there = fs::symlink_metadata(&path)?;
        let file = SocketFile { path, number: (there.dev(), there.ino()) };
        // Nobody can connect before it listens, so nobody else ever could.
        fs::set_permissions(&file.path, Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG)?;
        let listener = Async::new(UnixListener::from(socket))?;
        Ok(Self { listener, file })
    }

    pub(super) async fn accept(&self) -> io::Result<Async<UnixStream>> {
        Ok(self.listener.accept().await?.0)
    }

    /// Nobody can connect from now on, and the file is gone when this returns; if the disk hangs, the removal is left to its thread.
    pub(super) async fn close(self) {
        let Self { listener, file } = self;
        drop(listener);
        let _ = clock::within(END_PATIENCE, off_thread(move || drop(file))).await;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |there: fs::Metadata| (there.dev(), there.ino()) == self.number;
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
        let path = ControlSocket::path(folder);
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
