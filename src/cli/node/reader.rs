//! [`Reader`]: notices when nobody can read our stdout any more, though there is nothing to write.

#[cfg(target_os = "linux")]
pub(super) use self::linux::Reader;
#[cfg(not(target_os = "linux"))]
pub(super) use self::other::Reader;

#[cfg(target_os = "linux")]
mod linux {
    use std::{future::pending, io, os::fd::OwnedFd};

    use async_io::Async;
    use rustix::{
        event::epoll::{self, CreateFlags, EventData, EventFlags},
        io::Errno,
    };

    /// The other end of our stdout.
    ///
    /// A set of descriptors, watched for nothing but what the system tells unasked, which is their end. Such a set can be waited for
    /// like a socket; stdout itself cannot, as that would make its writes those of a socket, for all who share it.
    #[derive(Debug)]
    pub(in crate::cli::node) struct Reader(Option<Async<OwnedFd>>);

    impl Reader {
        /// # Errors
        ///
        /// The system gives no descriptor.
        pub(in crate::cli::node) fn of_stdout() -> io::Result<Self> {
            let set = epoll::create(CreateFlags::CLOEXEC)?;
            match epoll::add(&set, io::stdout(), EventData::new_u64(0), EventFlags::empty()) {
                Ok(()) => Ok(Self(Some(Async::new_nonblocking(set)?))),
                // A file has no reader, and can always be written.
                Err(Errno::PERM) => Ok(Self(None)),
                Err(error) => Err(error.into()),
            }
        }

        /// Waits until there is none.
        pub(in crate::cli::node) async fn gone(&self) -> io::Error {
            match &self.0 {
                Some(set) => set
                    .readable()
                    .await
                    .map_or_else(|error| error, |()| io::ErrorKind::BrokenPipe.into()),
                None => pending().await,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{future::pending, io, os::fd::AsFd, thread};

    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::Errno,
    };

    /// The other end of our stdout. A thread waits until there is none: for a file, which can always be written, for ever.
    #[derive(Debug)]
    pub(in crate::cli::node) struct Reader(flume::Receiver<io::Error>);

    impl Reader {
        /// # Errors
        ///
        /// The system gives no descriptor or no thread.
        pub(in crate::cli::node) fn of_stdout() -> io::Result<Self> {
            let stdout = io::stdout().as_fd().try_clone_to_owned()?;
            let (report, reports) = flume::bounded(1);
            thread::Builder::new().name("reader".to_owned()).spawn(move || {
                let error = loop {
                    match poll(&mut [PollFd::new(&stdout, PollFlags::empty())], None) {
                        Ok(_) => break io::ErrorKind::BrokenPipe.into(),
                        Err(Errno::INTR) => {}
                        Err(error) => break error.into(),
                    }
                };
                let _ = report.send(error);
            })?;
            Ok(Self(reports))
        }

        /// Waits until there is none.
        pub(in crate::cli::node) async fn gone(&self) -> io::Error {
            match self.0.recv_async().await {
                Ok(error) => error,
                Err(flume::RecvError::Disconnected) => pending().await,
            }
        }
    }
}
