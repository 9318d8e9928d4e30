//! What a zoo.cfg says, for people.

use std::{io::Write, time::Duration};

use ballotbox::{
    Endpoint, ServerId, UntrustedText,
    membership::config_text::ServerLine,
    zoo_cfg::{Ignored, ZooCfg},
};

use super::{
    super::{
        Failure,
        screen::{self, BOLD, Column, FAINT, PLAIN},
    },
    quorum, tls,
};

pub(super) fn print(cfg: &ZooCfg, out: &mut dyn Write) -> Result<(), Failure> {
    let columns = [
        Column::right("member"),
        Column::left("role"),
        Column::right("weight"),
        Column::right("group"),
        Column::left("election"),
        Column::left("quorum"),
        Column::left("clients"),
    ];
    let servers = cfg.config.servers.iter();
    let rows: Vec<_> = servers.map(|(id, line)| (PLAIN, row(cfg, *id, line))).collect();
    screen::table(out, &columns, &rows)?;
    writeln!(out, "\n{}", quorum(cfg.membership.ensemble(), !cfg.config.groups.is_empty()))?;
    let my_id_file = UntrustedText::path(&cfg.my_id_file());
    match cfg.me {
        Some(me) => writeln!(out, "This server is member {me}, says {my_id_file}.")?,
        None => writeln!(out, "Which member this server is would stand in {my_id_file}.")?,
    }
    writeln!(out, "\n{BOLD}Settings{BOLD:#}")?;
    for (key, value) in settings(cfg) {
        writeln!(out, " {FAINT}{key:<24}{FAINT:#}{value}")?;
    }
    if !cfg.ignored.is_empty() {
        writeln!(out, "\n{BOLD}Ignored{BOLD:#}")?;
    }
    for Ignored { key, line } in &cfg.ignored {
        writeln!(out, " {key} {FAINT}(line {line}){FAINT:#}")?;
    }
    if !cfg.warnings.is_empty() {
        writeln!(out, "\n{BOLD}Warnings{BOLD:#}")?;
    }
    for warning in &cfg.warnings {
        writeln!(out, " {warning}")?;
    }
    Ok(())
}

fn row(cfg: &ZooCfg, id: ServerId, line: &ServerLine) -> Vec<String> {
    let joined = |endpoints: &[Endpoint]| {
        endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>().join("|")
    };
    let grouped = line.is_voter() && !cfg.config.groups.is_empty();
    let group = cfg.config.groups.get(&id).map(|group| group.0.to_string());
    vec![
        id.to_string(),
        line.role.word().to_owned(),
        if grouped { cfg.membership.ensemble().weight(id).to_string() } else { String::new() },
        group.unwrap_or_default(),
        joined(&line.election),
        joined(&line.quorum),
        line.client.as_ref().map_or_else(String::new, Endpoint::to_string),
    ]
}

/// Whatever concerns elections, set or not.
pub(super) fn settings(cfg: &ZooCfg) -> Vec<(&'static str, String)> {
    let ms = |time: Duration| format!("{} ms", time.as_millis());
    let ticks = |ticks: u32| format!("{ticks} ticks, {}", ms(cfg.tick_time.saturating_mul(ticks)));
    let bind = cfg.election_port_bind_retry;
    let bind = bind.map_or_else(|| "for ever".to_owned(), |times| format!("{times} times"));
    let mut settings = vec![
        ("config version", format!("{:#x}", cfg.config.version.0)),
        ("tickTime", ms(cfg.tick_time)),
        ("initLimit", ticks(cfg.init_limit)),
        ("syncLimit", ticks(cfg.sync_limit)),
        ("notification, first", ms(cfg.min_notification_interval)),
        ("notification, longest", ms(cfg.max_notification_interval)),
        ("cnxTimeout", ms(cfg.cnx_timeout)),
        ("quorumCnxnTimeoutMs", ms(cfg.quorum_cnxn_timeout)),
        ("electionPortBindRetry", bind),
        ("tcpKeepAlive", format!("{}, idle links are always probed", cfg.tcp_keep_alive)),
        ("quorumListenOnAllIPs", cfg.listen_on_all_ips.to_string()),
        ("multiAddress.enabled", cfg.multi_address_enabled.to_string()),
        ("standaloneEnabled", cfg.standalone_enabled.to_string()),
        ("reconfigEnabled", cfg.reconfig_enabled.to_string()),
        ("TLS", cfg.tls.as_ref().map_or("none", |tls| tls::stage(tls.stage)).to_owned()),
    ];
    settings.extend(cfg.tls.iter().flat_map(tls::rows));
    settings
}
