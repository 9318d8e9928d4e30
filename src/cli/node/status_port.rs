//! [`StatusPort`]: where a node tells over HTTP how it is.

use std::{
    net::{TcpListener, ToSocketAddrs as _},
    path::PathBuf,
};

use ballotbox::{
    Node, UntrustedText,
    http::{AdminToken, CONNECTIONS_MAX, STREAMS_MAX, StatusConfig, StatusServer},
    tls::NodeTls,
};
use structopt::StructOpt;

use crate::cli::{Failure, input};

/// How an address begins where the certificate of the node is shown.
const SECURED: &str = "https://";
const PLAIN: &str = "http://";

// What the command line says about the status port. The help would show more than this as that of the node.
#[derive(Debug, StructOpt)]
pub(super) struct StatusArgs {
    /// Tells there over HTTP how the node is, as in 127.0.0.1:8080: /leader, /ready, /status, /metrics, a page; with https:// before it over TLS; left out: nowhere
    #[structopt(
        long,
        value_name = "ADDR",
        env = "BALLOTBOX_NODE_STATUS",
        hide_env_values = true,
        empty_values = false
    )]
    status: Option<String>,
    /// Takes orders at the status port from other machines that bring what is in this file
    #[structopt(
        long,
        value_name = "FILE",
        env = "BALLOTBOX_NODE_ADMIN_TOKEN_FILE",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str),
        requires = "status"
    )]
    admin_token_file: Option<PathBuf>,
}

/// The status port of a node, if it has one.
#[derive(Debug, Default)]
pub(super) struct StatusPort(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    /// It is bound, and nobody answers there yet.
    Bound(StatusConfig),
    Serving(StatusServer),
}

impl StatusArgs {
    /// Binds the port, if there is to be one. Returns also what seems wrong with the token.
    pub(super) fn bind(
        &self,
        tls: Option<&NodeTls>,
    ) -> Result<(StatusPort, Option<String>), Failure> {
        let Some(status) = &self.status else { return Ok((StatusPort::default(), None)) };
        let (token, warning) = self.token()?;
        let shown = UntrustedText::new(status);
        let (address, tls) = match status.strip_prefix(SECURED) {
            None => (status.strip_prefix(PLAIN).unwrap_or(status), None),
            Some(address) => {
                let Some(tls) = tls else {
                    let text = format!(
                        "--status {shown} needs a certificate of this member, and there is none: expected --tls-cert, --tls-key and \
                         --tls-ca, or files that can be used in the vote file or the zoo.cfg"
                    );
                    return Err(Failure::Argument(text.into()));
                };
                (address, Some(tls.connections().clone()))
            }
        };
        if !has_port(address) {
            let text = format!(
                "--status {shown}: expected an address and a port, as in 127.0.0.1:8080, [::1]:8080 or https://127.0.0.1:8080"
            );
            return Err(Failure::Argument(text.into()));
        }
        let failed = |error| Failure::StatusPort {
            address: shown.clone(),
            cause: UntrustedText::new(error),
        };
        let addresses = address.to_socket_addrs().map_err(failed)?;
        let listeners: Result<Vec<_>, _> = addresses.map(TcpListener::bind).collect();
        let listeners = listeners.map_err(failed)?;
        Ok((StatusPort(State::Bound(StatusConfig { listeners, token, tls })), warning))
    }

    /// How many descriptors it takes.
    pub(super) fn descriptors_needed(&self) -> u64 {
        // A name may have an address of each family.
        let most = CONNECTIONS_MAX + STREAMS_MAX + 3;
        self.status.as_ref().map_or(0, |_| u64::try_from(most).unwrap_or(u64::MAX))
    }

    fn token(&self) -> Result<(Option<AdminToken>, Option<String>), Failure> {
        let Some(path) = &self.admin_token_file else { return Ok((None, None)) };
        let (token, warning) = input::admin_token(path)?;
        Ok((Some(token), warning))
    }
}

/// Whether there is a host and a port in it.
fn has_port(address: &str) -> bool {
    let parts = address.rsplit_once(':');
    let is_host = |host: &str| !host.is_empty() && (host.starts_with('[') || !host.contains(':'));
    parts.is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
}

impl StatusPort {
    /// Where it is, as it is to be shown.
    pub(super) fn shown(&self) -> Option<String> {
        let State::Bound(config) = &self.0 else { return None };
        let addresses = config.listeners.iter().filter_map(|socket| socket.local_addr().ok());
        let prefix = if config.tls.is_some() { SECURED } else { "" };
        let addresses: Vec<_> = addresses.map(|address| format!("{prefix}{address}")).collect();
        Some(addresses.join(", "))
    }

    /// Begins to answer for this node.
    pub(super) fn serve(&mut self, node: &Node) -> std::io::Result<()> {
        if let State::Bound(config) = std::mem::take(&mut self.0) {
            self.0 = State::Serving(StatusServer::start(config, node)?);
        }
        Ok(())
    }

    /// Waits until there is something wrong with it.
    pub(super) async fn bug(&mut self) -> String {
        let State::Serving(server) = &mut self.0 else { return std::future::pending().await };
        let Some(message) = server.bug().await else { return std::future::pending().await };
        format!("we have a bug, please report it: the status port panicked: {message}")
    }

    /// Ends it. Nothing of it is left then.
    pub(super) async fn stop(&mut self) {
        if let State::Serving(server) = std::mem::take(&mut self.0) {
            server.stop().await;
        }
    }
}
