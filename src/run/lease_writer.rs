//! [`LeaseWriter`]: the thread of a guard that writes its lease file.
//!
//! Who writes to a disk that hangs, hangs as well, and nothing wakes it: not even SIGKILL. A guard must not, as it has deadlines to keep. So
//! it gives what is to be shown to a thread, and goes on. The thread has one thing to write at a time; of what comes meanwhile the
//! newest is kept. It starts no processes: those are the children of the guard's first thread, and are killed when that one ends.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use ballotbox_core::{election::Epoch, leadership::Reading};

use super::lease_file::LeaseFile;

/// What a lease file shows: until when this node leads in which epoch, or that it does not lead.
pub(super) type Shown = Option<(Epoch, Reading)>;

/// The thread does nothing but write 48 bytes.
const STACK_SIZE: usize = 64 * 1024;

/// The guard's end.
#[derive(Debug)]
pub(super) struct LeaseWriter {
    orders: SyncSender<Shown>,
    /// A byte for each order that was carried out: 1 if that went well.
    done: UnixStream,
    /// What is being written.
    under_way: Option<Shown>,
    /// What is written next.
    next: Option<Shown>,
}

impl LeaseWriter {
    /// Starts the thread for this file.
    pub(super) fn start(file: LeaseFile) -> io::Result<Self> {
        Self::writing(move |shown| match shown {
            Some((epoch, until)) => file.write(epoch, until),
            None => file.empty(),
        })
    }

    /// The same, for whatever it is that writes.
    fn writing(
        mut write: impl FnMut(Shown) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, to_do) = sync_channel(1);
        let (done, told) = UnixStream::pair()?;
        done.set_nonblocking(true)?;
        let thread = thread::Builder::new().name("lease-file".to_owned()).stack_size(STACK_SIZE);
        thread.spawn(move || carry_out(&to_do, told, &mut write))?;
        Ok(Self { orders, done, under_way: None, next: None })
    }

    /// Shows this as soon as the disk takes it.
    pub(super) fn show(&mut self, shown: Shown) {
        self.next = Some(shown);
        self.go_on();
    }

    /// Takes in what the thread has done. Returns whether the file has come to show nothing, and nothing else is to be shown.
    pub(super) fn hear(&mut self) -> bool {
        let mut byte = [0];
        let mut is_hidden = false;
        while self.done.read(&mut byte).is_ok_and(|read| read > 0) {
            let was_empty = self.under_way.take() == Some(None);
            is_hidden = was_empty && byte == [1] && self.next.is_none();
            self.go_on();
        }
        is_hidden
    }

    fn go_on(&mut self) {
        if self.under_way.is_none()
            && let Some(shown) = self.next.take()
        {
            self.under_way = Some(shown);
            // There is room for one. A thread that has ended writes nothing, and is not waited for longer than the lease.
            let _ = self.orders.try_send(shown);
        }
    }
}

/// Readable when there is something to hear.
impl AsFd for LeaseWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }
}

fn carry_out(
    to_do: &Receiver<Shown>,
    mut told: UnixStream,
    write: &mut impl FnMut(Shown) -> io::Result<()>,
) {
    for shown in to_do {
        // What cannot be written is told, and shows a lease that is over too soon.
        let is_written = write(shown).is_ok();
        if told.write_all(&[u8::from(is_written)]).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
