//! The socket pair between a node and the guard of its work: datagrams, with descriptors beside them.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    cmsg_space,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
};

use super::order::LEN;

/// At most this many descriptors come with a message: the lock of the work, and its stdin.
pub(super) const DESCRIPTORS_MAX: usize = 2;

/// Two ends. Neither is inherited by programs, and neither ever blocks.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Sends a message.
pub(super) fn send(
    socket: impl AsFd,
    message: [u8; LEN],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(&message)], &mut beside, flags)?;
    Ok(())
}

/// What has arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) message: Vec<u8>,
    /// Programs that are started from now on inherit them.
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Takes the next message, if there is one: `None` when the other end is closed.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Arrived>> {
    let mut bytes = [0; LEN];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::DONTWAIT)?;
    let mut descriptors = Vec::new();
    for one in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = one {
            descriptors.extend(rights);
        }
    }
    let message = bytes.get(..received.bytes).unwrap_or_default().to_vec();
    Ok((received.bytes > 0).then_some(Arrived { message, descriptors }))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

    #[test]
    fn messages_arrive_whole_with_their_descriptors_until_the_end_is_closed() {
        let (near, far) = pair().unwrap();
        assert_eq!(receive(&far).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let file = File::open("/dev/null").unwrap();
        send(&near, [7; LEN], &[]).unwrap();
        send(&near, [8; LEN], &[file.as_fd(), file.as_fd()]).unwrap();
        let first = receive(&far).unwrap().unwrap();
        assert_eq!((first.message.as_slice(), first.descriptors.len()), (&[7; LEN][..], 0));
        let second = receive(&far).unwrap().unwrap();
        assert_eq!((second.message.as_slice(), second.descriptors.len()), (&[8; LEN][..], 2));
        drop(near);
        // What another test is just starting has our descriptors, until it has become its program.
        poll(&mut [PollFd::new(&far, PollFlags::IN)], Some(&PATIENCE)).unwrap();
        assert!(receive(&far).unwrap().is_none());
    }
}
