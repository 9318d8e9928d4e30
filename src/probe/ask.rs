//! [`ask`]: one server, one answer, or why there is none. [`Inquirer`]: the same again and again.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ballotbox_actors::{
    kit::clock,
    socket::{self, ConnectError, Connection, Tls, TlsError},
};
use ballotbox_core::wire::{Frame, FrameError, Greeting, GreetingForm};
use futures::{FutureExt, future::join_all};

use super::{Answer, NoAnswer, PROBE_ID, Target, classifier::Classifier};
use crate::{
    Round, ServerId,
    election::{Format, Notification, PeerState},
};

/// A server has sent at most this many frames unasked; a server that never stops sending must not keep us here.
const LEFTOVERS_MAX: usize = 64;

/// No member list is longer than this, in bytes: a longer one is treated as if none was sent.
const LIST_LEN_MAX: usize = 128 * 1024;

/// Another probe at the same moment takes our place at the server: at most this often we come again.
const ATTEMPTS: usize = 3;

/// Asks all of these at the same time, each no longer than `limit`. The results are in the order of the targets.
pub async fn ask_all(
    targets: &[Target],
    tls: Option<&Tls>,
    limit: Duration,
) -> Vec<Result<Answer, NoAnswer>> {
    join_all(targets.iter().map(|target| ask(target, tls, limit))).await
}

/// Asks one server, no longer than `limit`: over TLS, if that is what we speak.
///
/// # Errors
///
/// [`NoAnswer`], saying what happened instead.
pub async fn ask(target: &Target, tls: Option<&Tls>, limit: Duration) -> Result<Answer, NoAnswer> {
    Inquirer::new(target.clone(), tls.cloned()).ask(limit).await
}

/// Asks one server again and again, over the same connection as long as that lasts.
///
/// From the second time on, the question brings the server's own member list back to it. A real server from 3.5 on has
/// nothing to say to that, while it logs two lines for every question in the older form.
#[derive(Debug)]
pub struct Inquirer {
    target: Target,
    /// What is spoken; `None` for plain text.
    tls: Option<Tls>,
    line: Option<Line>,
}

/// A connection that has brought an answer.
#[derive(Debug)]
struct Line {
    connection: Connection,
    from: SocketAddr,
    classifier: Classifier,
    list: Arc<str>,
}

impl Inquirer {
    /// Of this server; nothing is done yet.
    pub fn new(target: Target, tls: Option<Tls>) -> Self {
        Self { target, tls: tls.filter(Tls::is_spoken), line: None }
    }

    /// Asks, no longer than `limit`.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], saying what happened instead.
    pub async fn ask(&mut self, limit: Duration) -> Result<Answer, NoAnswer> {
        let inquiry = Inquiry { began: clock::now(), limit };
        if let Some(mut line) = self.line.take() {
            match clock::within(inquiry.left(), line.ask_again()).await {
                Ok(Some(notification)) => return Ok(self.keep(line, notification, inquiry)),
                // It was closed: a new connection will tell more.
                Ok(None) => {}
                Err(_) => return Err(NoAnswer::Silent { limit }),
            }
        }
        for _ in 0..ATTEMPTS {
            match inquiry.attempt(&self.target, self.tls.as_ref()).await {
                Ok((line, notification)) => return Ok(self.keep(line, notification, inquiry)),
                Err(NoAnswer::Closed) => {}
                Err(error) => return Err(error),
            }
        }
        let misses_tls = self.tls.is_none() && inquiry.wants_tls(&self.target).await;
        Err(if misses_tls { NoAnswer::WantsTls } else { NoAnswer::Closed })
    }

    fn keep(&mut self, mut line: Line, mut notification: Notification, inquiry: Inquiry) -> Answer {
        if let Format::Current { config, .. } = &mut notification.format
            && config.len() > LIST_LEN_MAX
        {
            *config = Arc::from("");
        }
        let list = notification.format.config().unwrap_or_default();
        if *line.list != *list {
            line.list = list.into();
        }
        let answer = Answer { from: line.from, notification, took: clock::now() - inquiry.began };
        self.line = Some(line);
        answer
    }
}

impl Line {
    /// The answer to one more question; `None` if the server has gone, or ceased to make sense.
    async fn ask_again(&mut self) -> Option<Notification> {
        // What is there already was said before we asked.
        for _ in 0..LEFTOVERS_MAX {
            let Some(read) = self.connection.read(self.classifier.room()).now_or_never() else {
                break;
            };
            let count = read.ok().filter(|count| *count > 0)?;
            self.classifier.filled(count).ok()?;
        }
        while self.classifier.next().ok()?.is_some() {}
        self.connection.write_all(question(&self.list).ok()?.as_bytes()).await.ok()?;
        loop {
            if let Some(notification) = self.classifier.next().ok()? {
                return Some(notification);
            }
            let count = self
                .connection
                .read(self.classifier.room())
                .await
                .ok()
                .filter(|count| *count > 0)?;
            self.classifier.filled(count).ok()?;
        }
    }
}

/// The shortest hello of TLS 1.2 there is: one cipher, which no server has to like, and no extension.
const CLIENT_HELLO: [u8; 50] = {
    let mut hello = [0; 50];
    let head = [0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    let mut at = 0;
    while at < head.len() {
        hello[at] = head[at];
        at += 1;
    }
    // Behind the random bytes, here zeros, and an empty session id.
    hello[45] = 2;
    hello[47] = 0x2f;
    hello[48] = 1;
    hello
};

#[derive(Clone, Copy, Debug)]
struct Inquiry {
    began: Instant,
    limit: Duration,
}

impl Inquiry {
    async fn attempt(
        self,
        target: &Target,
        tls: Option<&Tls>,
    ) -> Result<(Line, Notification), NoAnswer> {
        let (connection, from) = self.connect(target).await?;
        let connection = match tls {
            None => connection,
            Some(tls) => self.secure(connection, tls, target.id).await?,
        };
        let mut line =
            Line { connection, from, classifier: Classifier::default(), list: Arc::from("") };
        let mut heard = None;
        let talked = clock::within(self.left(), open(&mut line, &mut heard)).await;
        if let Some(notification) = heard {
            return Ok((line, notification));
        }
        match talked {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Err(line.classifier.verdict(NoAnswer::Closed)),
            Err(_) => Err(line.classifier.verdict(NoAnswer::Silent { limit: self.limit })),
        }
    }

    /// A real server that wants TLS closes without a word when it meets something else. So say hello in TLS, and see
    /// whether that is answered.
    async fn wants_tls(self, target: &Target) -> bool {
        let hello = async {
            let (mut connection, _) = self.connect(target).await?;
            let _ = connection.write_all(&CLIENT_HELLO).await;
            let mut classifier = Classifier::default();
            match connection.read(classifier.room()).await {
                Ok(count) => classifier.filled(count),
                Err(_) => Ok(()),
            }
        };
        clock::within(self.left(), hello).await == Ok(Err(NoAnswer::WantsTls))
    }

    async fn connect(self, target: &Target) -> Result<(Connection, SocketAddr), NoAnswer> {
        match socket::connect(&target.endpoints, self.left()).await {
            Ok((connection, from)) => {
                // A question that has to wait for an acknowledgement is only late.
                let _ = connection.set_nodelay();
                Ok((connection, from))
            }
            Err(ConnectError::NoAnswer { .. }) => Err(NoAnswer::NoConnection { limit: self.limit }),
            Err(error) => Err(error.into()),
        }
    }

    async fn secure(
        self,
        connection: Connection,
        tls: &Tls,
        id: Option<ServerId>,
    ) -> Result<Connection, NoAnswer> {
        let secured = async {
            let mut connection = connection.dial(Some(tls), id).await?;
            connection.admission().await?;
            Ok(connection)
        };
        let no_handshake = |clock::Late(_)| NoAnswer::NoHandshake { limit: self.limit };
        clock::within(self.left(), secured).await.map_err(no_handshake)?
    }

    fn left(self) -> Duration {
        self.limit.saturating_sub(clock::now() - self.began)
    }
}

/// Asks twice, and leaves the newest answer in `heard`. Ends with the second answer, or when the server closes.
async fn open(line: &mut Line, heard: &mut Option<Notification>) -> Result<(), NoAnswer> {
    let Ok(question) = question(&line.list) else { return Ok(()) };
    let greeting = Greeting { from: Some(PROBE_ID), form: GreetingForm::Bare };
    let opening = [&greeting.encode(), question.as_bytes()].concat();
    // A server that closes at once may still have said why.
    let _ = line.connection.write_all(&opening).await;
    loop {
        while let Some(notification) = line.classifier.next()? {
            if heard.replace(notification).is_some() {
                return Ok(());
            }
            let _ = line.connection.write_all(question.as_bytes()).await;
        }
        match line.connection.read(line.classifier.room()).await {
            Ok(0) => return Ok(()),
            Ok(count) => line.classifier.filled(count)?,
            Err(error) => return refusal(&error).map_or(Ok(()), |refusal| Err(refusal.into())),
        }
    }
}

/// What a server says of our certificate that has said nothing at the handshake.
fn refusal(error: &io::Error) -> Option<TlsError> {
    error.get_ref()?.downcast_ref::<TlsError>().cloned()
}

/// A vote for nobody, as observers begin, with this member list; without one, in the form of ZooKeeper 3.4. Real servers
/// cannot bear an empty list.
fn question(list: &Arc<str>) -> Result<Frame, FrameError> {
    let format = if list.is_empty() {
        Format::WithoutConfig { version: Format::LAST_WITHOUT_CONFIG }
    } else {
        Format::Current { version: Notification::VERSION, config: Arc::clone(list) }
    };
    let question =
        Notification { state: PeerState::Looking, vote: None, round: Round::default(), format };
    Frame::new(&question.encode())
}
