//! [`Client`]: a client of a real server that writes.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::common::PATIENCE;

const CREATE: i32 = 1;
const SET_DATA: i32 = 5;

/// A session with a real server.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
    requests: i32,
}

impl Client {
    /// Opens a session, or returns `None` where the server does not serve.
    pub fn open(port: u16) -> Option<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { socket, requests: 0 };
        // Protocol, last zxid, timeout, session, and a password of 16 bytes.
        let hello = [&[0; 12][..], &30_000_i32.to_be_bytes(), &[0; 8], &buffer(&[0; 16])].concat();
        client.say(&hello).ok()?;
        client.hear().ok()?;
        Some(client)
    }

    /// Creates a node that anybody may use.
    pub fn create(&mut self, path: &str, data: &[u8]) {
        let anybody = [
            &1_i32.to_be_bytes()[..],
            &31_i32.to_be_bytes(),
            &buffer(b"world"),
            &buffer(b"anyone"),
        ];
        let request = [&buffer(path.as_bytes())[..], &buffer(data), &anybody.concat(), &[0; 4]];
        self.request(CREATE, &request.concat());
    }

    /// Writes a node, whatever its version.
    pub fn set(&mut self, path: &str, data: &[u8]) {
        let any_version = (-1_i32).to_be_bytes();
        let request = [&buffer(path.as_bytes())[..], &buffer(data), &any_version];
        self.request(SET_DATA, &request.concat());
    }

    fn request(&mut self, kind: i32, body: &[u8]) {
        self.requests += 1;
        let head = [self.requests.to_be_bytes(), kind.to_be_bytes()].concat();
        self.say(&[&head, body].concat()).unwrap();
        let reply = self.hear().unwrap();
        assert_eq!(reply[..4], self.requests.to_be_bytes());
        assert_eq!(reply[12..16], [0; 4], "it was refused");
    }

    fn say(&mut self, body: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(&buffer(body))
    }

    fn hear(&mut self) -> std::io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.socket.read_exact(&mut len)?;
        let mut body = vec![0; u32::from_be_bytes(len).try_into().unwrap()];
        self.socket.read_exact(&mut body)?;
        Ok(body)
    }
}

/// The bytes behind their length.
fn buffer(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes()[..], bytes].concat()
}
