//! The baseline: tasks on `TcpStream`, no actor anywhere.

use async_std::{
    channel::{Receiver, Sender, unbounded},
    io::{BufReader, ReadExt, WriteExt},
    net::{TcpListener, TcpStream},
    task,
};

use crate::{BODY_LEN, Rounds, body, number_of};

const PREFIX_LEN: usize = 4;

/// One side of a ping-pong.
#[derive(Debug)]
pub struct PingPong {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

/// Both ends of one connection, the other one echoing in a task.
pub async fn ping_pong() -> PingPong {
    let (here, there) = pair().await;
    task::spawn(echo(there));
    PingPong::new(here)
}

impl PingPong {
    pub fn new(stream: TcpStream) -> Self {
        Self { reader: BufReader::new(stream.clone()), writer: stream }
    }
}

impl Rounds for PingPong {
    async fn round(&mut self, number: u64) {
        self.writer.write_all(&frame(number)).await.unwrap();
        let back = read_frame(&mut self.reader).await.unwrap();
        assert_eq!(number_of(&back[PREFIX_LEN..]), number);
    }
}

/// Sends back whatever comes, until the stream ends.
pub async fn echo(stream: TcpStream) {
    let mut writer = stream.clone();
    let mut reader = BufReader::new(stream);
    while let Ok(frame) = read_frame(&mut reader).await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// Nodes with a stream between any two.
#[derive(Debug)]
pub struct Mesh(Vec<Node>);

#[derive(Debug)]
struct Node {
    streams: Vec<TcpStream>,
    heard: Receiver<Vec<u8>>,
}

impl Mesh {
    pub async fn connect(nodes: usize) -> Self {
        let channels: Vec<_> = (0..nodes).map(|_| unbounded()).collect();
        let mut streams: Vec<_> = (0..nodes).map(|_| Vec::new()).collect();
        for higher in 1..nodes {
            for lower in 0..higher {
                let (here, there) = pair().await;
                task::spawn(read_all(here.clone(), channels[higher].0.clone()));
                task::spawn(read_all(there.clone(), channels[lower].0.clone()));
                streams[higher].push(here);
                streams[lower].push(there);
            }
        }
        let nodes = streams.into_iter().zip(channels);
        Self(nodes.map(|(streams, (_, heard))| Node { streams, heard }).collect())
    }
}

impl Rounds for Mesh {
    async fn round(&mut self, number: u64) {
        let frame = frame(number);
        for stream in self.0.iter_mut().flat_map(|node| &mut node.streams) {
            stream.write_all(&frame).await.unwrap();
        }
        for node in &self.0 {
            for _ in &node.streams {
                let heard = node.heard.recv().await.unwrap();
                assert_eq!(number_of(&heard[PREFIX_LEN..]), number);
            }
        }
    }
}

async fn read_all(stream: TcpStream, heard: Sender<Vec<u8>>) {
    let mut reader = BufReader::new(stream);
    while let Ok(frame) = read_frame(&mut reader).await {
        if heard.send(frame).await.is_err() {
            return;
        }
    }
}

fn frame(number: u64) -> Vec<u8> {
    let prefix = u32::try_from(BODY_LEN).unwrap().to_be_bytes();
    [&prefix[..], &body(number)].concat()
}

/// A frame with its length, ready to be written again.
async fn read_frame(reader: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; PREFIX_LEN];
    reader.read_exact(&mut prefix).await?;
    let len = usize::try_from(u32::from_be_bytes(prefix)).expect("a short frame");
    let mut frame = vec![0; PREFIX_LEN + len];
    frame[..PREFIX_LEN].copy_from_slice(&prefix);
    reader.read_exact(&mut frame[PREFIX_LEN..]).await?;
    Ok(frame)
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (there, _) = listener.accept().await.unwrap();
    here.set_nodelay(true).unwrap();
    there.set_nodelay(true).unwrap();
    (here, there)
}
