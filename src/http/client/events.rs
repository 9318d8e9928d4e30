//! [`Events`]: how things stand with a node, told at each change.

use std::time::Duration;

use ballotbox_actors::{kit::clock, socket::Connection};

use super::{
    ANSWER_MAX, AskError, Head, Request, StatusUrl, WITHIN, connect, end_of_head, parsed, refused,
    talk, understood,
};
use crate::node::control::StatusReport;

/// A node tells how things stand every 5 s, if nothing changes; what says nothing for this long is not there any more.
const SILENCE: Duration = Duration::from_secs(12);

/// What a node tells at `/events`: how things stand, and that again at each change, at least every 5 s.
#[derive(Debug)]
pub struct Events {
    url: StatusUrl,
    connection: Connection,
    /// What has come, and was not looked at.
    read: Vec<u8>,
}

impl Events {
    /// Asks for them.
    ///
    /// # Errors
    ///
    /// [`AskError`], when no node answers, or has no place for one more reader.
    pub async fn open(url: &StatusUrl) -> Result<Self, AskError> {
        let mut connection = connect(url).await?;
        let request = Request { method: "GET", path: "/events", token: None };
        let begun = clock::within(WITHIN, async {
            // What hangs up may have said why.
            let _ = connection.write_all(&request.head(url)).await;
            let mut read = Vec::new();
            while end_of_head(&read).is_none() && more(&mut connection, &mut read).await {}
            read
        });
        let silent = |_| AskError::Silent { url: url.clone(), within: WITHIN };
        let mut read = begun.await.map_err(silent)?;
        let end = end_of_head(&read);
        let head = end.and_then(|end| Head::parse(&read[..end]));
        if let Some((end, head)) = end.zip(head)
            && head.code == 200
        {
            read.drain(..end);
            return Ok(Self { url: url.clone(), connection, read });
        }
        let rest = clock::within(WITHIN, talk(connection, &[])).await.map_err(silent)?;
        read.extend(rest);
        let (code, body) = parsed(url, &read)?;
        Err(refused(url, code, &body))
    }

    /// Waits for the next one. It may be given up and called again: nothing is lost.
    ///
    /// # Errors
    ///
    /// [`AskError`], when there is none any more.
    pub async fn next(&mut self) -> Result<StatusReport, AskError> {
        let Self { url, connection, read } = self;
        let event = clock::within(SILENCE, async {
            loop {
                if let Some(event) = taken(read) {
                    return Some(event);
                }
                if read.len() > ANSWER_MAX || !more(connection, read).await {
                    return None;
                }
            }
        });
        let silent = |_| AskError::Silent { url: url.clone(), within: SILENCE };
        let event = event.await.map_err(silent)?;
        understood(url, &event.ok_or_else(|| AskError::Closed { url: url.clone() })?)
    }
}

/// Waits for bytes; whether there are any.
async fn more(connection: &mut Connection, read: &mut Vec<u8>) -> bool {
    let mut bytes = vec![0; 4096];
    let count = connection.read(&mut bytes).await.unwrap_or(0);
    read.extend_from_slice(&bytes[..count]);
    count > 0 && read.len() <= ANSWER_MAX
}

/// Takes the data of the next event that is whole.
fn taken(read: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let end = read.windows(2).position(|bytes| bytes == b"\n\n")?;
        let event: Vec<u8> = read.drain(..end + 2).collect();
        let mut lines = event.split(|byte| *byte == b'\n');
        // Others are comments, or names.
        if let Some(data) = lines.find_map(|line| line.strip_prefix(b"data: ")) {
            return Some(data.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_taken_when_all_of_it_has_come() {
        let mut read = b"event: status\nid: 1.2\nda".to_vec();
        assert_eq!(taken(&mut read), None);
        read.extend(b"ta: {}\n\n: a comment\n\ndata: [1]\n\ndata");
        assert_eq!(taken(&mut read).as_deref(), Some(&b"{}"[..]));
        assert_eq!(taken(&mut read).as_deref(), Some(&b"[1]"[..]));
        assert_eq!(taken(&mut read), None);
        assert_eq!(read, b"data");
    }
}
