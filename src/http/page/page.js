'use strict';
// This page lives on /events: how things stand with one node, at every change and every 5 s. How each leader came to lead is
// asked at /why. The page keeps what it has heard, for the last hour: so it knows also what a node that was started again does not.
// Whatever is said is written as text, never as markup.

const HOUR = 3_600_000;
const SPANS_MAX = 200;
const SPANS_SHOWN = 10;
const CHANGES_MAX = 50;
const CHANGES_SHOWN = 12;

const known = {
  report: null,
  // When that was, and of which life of the node.
  at: 0,
  life: null,
  // Since when it does not answer, if it does not.
  goneSince: 0,
  opened: Date.now(),
  // Who led when, the oldest first; the last one goes on. `kind` is leads, nobody or unheard.
  spans: [],
  // What happened, the newest first.
  changes: [],
  // How each leader came to lead, as the node tells it, the oldest first.
  told: [],
  // How far the clock of this machine is ahead of the node's.
  ahead: 0,
};

// ---- Words ----

const part = (id) => document.getElementById(id);

function say(id, text) {
  const node = part(id);
  if (node.textContent !== text) node.textContent = text;
}

function element(name, text = '', marks = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [mark, value] of Object.entries(marks)) made.setAttribute(mark, value);
  return made;
}

function clock(at) {
  const time = new Date(at);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

function howLong(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (ms < 1000) return ms < 100 ? '< 0.1 s' : `${(ms / 1000).toFixed(1)} s`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  const h = Math.floor(s / 3600);
  if (h < 48) return `${h} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(h / 24)} days`;
}

function exactly(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1).replace('.0', '')} s`;
}

function list(items) {
  return items.length === 0 ? 'nobody' : items.join(', ');
}

// ---- What is known ----

// Where elections are held alone, or beside a real server, who was elected is all there is to know.
function isWithoutEpochs(report) {
  return report.epoch === null || report.beside_real_server;
}

function leaderOf(report) {
  if (report.leader !== null) return { id: report.leader.id, token: report.leader.token };
  if (isWithoutEpochs(report) && report.elected !== null) return { id: report.elected, token: null };
  return null;
}

function isLed(span, leader) {
  return leader === null ? span.kind === 'nobody' : span.kind === 'leads' && span.leader === leader.id && span.token === leader.token;
}

function noteSpan(report, at) {
  const { spans } = known;
  const leader = leaderOf(report);
  const kind = leader === null ? 'nobody' : 'leads';
  const next = { kind, from: at - report.since_ms, leader: leader?.id, token: leader?.token };
  let last = spans.at(-1);
  if (last?.kind === 'unheard') {
    // One token is one leadership: so it has gone on while nothing was heard.
    const before = spans.at(-2);
    if (before && leader !== null && leader.token !== null && isLed(before, leader)) {
      spans.pop();
      return;
    }
    next.from = Math.max(next.from, last.from);
    if (next.from === last.from) spans.pop();
  } else if (last && isLed(last, leader)) {
    return;
  } else if (last?.kind === 'leads' && last.leader === leader?.id && last.token === null) {
    last.token = leader.token;
    return;
  } else if (last) {
    next.from = Math.min(at, Math.max(next.from, last.from));
  }
  spans.push(next);
  forgetSpans();
}

function forgetSpans() {
  const { spans } = known;
  while (spans.length > SPANS_MAX || (spans.length > 1 && spans[1].from < Date.now() - HOUR)) spans.shift();
}

function noteChange(at, text, why = '', isOfLeader = false) {
  known.changes.unshift({ at, text, why, isOfLeader });
  known.changes.length = Math.min(known.changes.length, CHANGES_MAX);
}

function noteChanges(before, after, at) {
  for (const voter of after.voters) {
    const was = before.voters.find((other) => other.id === voter.id);
    if (was === undefined || was.link === voter.link || voter.link === null) continue;
    noteChange(at, voter.link ? `There is a link to ${voter.id}.` : `The link to ${voter.id} is down.`);
  }
  if (after.retiring && !before.retiring) noteChange(at, `${after.id} gives its leadership up.`);
  const [was, is] = [leaderOf(before), leaderOf(after)];
  if (was?.id === is?.id && was?.token === is?.token) return;
  if (was !== null) noteChange(at, `${was.id} leads no more.`, whyItEnded(before, after, was.id), true);
  if (is !== null) {
    const token = is.token === null ? '' : ` with token ${is.token}`;
    noteChange(at, `${is.id} leads${token}.`, `It was elected in round ${after.round}.`, true);
  }
}

// What this node saw of it, until it tells more.
function whyItEnded(before, after, leader) {
  if (before.retiring) return 'It has given its leadership up.';
  const linked = (report) => report.voters.filter((voter) => voter.link).length;
  if (leader === after.id) return `This node has links to ${linked(after)} of ${after.voters.length - 1} other voters.`;
  const voter = after.voters.find((other) => other.id === leader);
  if (voter?.link === false) return `This node has no link to ${leader}.`;
  return '';
}

// Takes over what the node knows of the last changes, and when each leader led. If something has changed meanwhile, this is left
// out, and asked again.
function recall({ changes, words }) {
  const { report } = known;
  if (changes.length === 0 || changes.at(-1).leader !== (leaderOf(report)?.id ?? null)) return;
  const time = (change, ms) => Date.parse(change.time) + ms - change.at_ms;
  const ledFrom = (change) => change.steps.at(-1)?.at_ms ?? change.at_ms;
  const last = changes.at(-1);
  if (last.leader !== null && !report.retiring) {
    known.ahead = known.at - report.since_ms - time(last, ledFrom(last));
  }
  const told = changes.map((change, n) => {
    const ended = change.steps.find((step) => step.what === 'lost' || step.what === 'looking')?.at_ms ?? change.at_ms;
    const [at, from] = [ended, ledFrom(change)].map((ms) => time(change, ms) + known.ahead);
    return { at, from, leader: change.leader, token: change.epoch?.value ?? null, words: words[n] };
  });
  const spans = told.flatMap(({ at, from, leader, token }) => {
    const nobody = { kind: 'nobody', from: at };
    return leader === null ? [nobody] : [nobody, { kind: 'leads', from, leader, token }];
  });
  known.told = [...known.told.filter((one) => one.at < told[0].at - 1000), ...told].slice(-CHANGES_MAX);
  known.spans = [...known.spans.filter((span) => span.from < told[0].at - 1000), ...spans];
  forgetSpans();
  noteSpan(report, known.at);
  show();
}

// Whether the node knows of a change that was not asked for.
function isBehind(report) {
  const [leader, last] = [leaderOf(report), known.told.at(-1)];
  return last === undefined || last.leader !== (leader?.id ?? null) || (last.token !== null && last.token !== leader?.token);
}

// Takes what the node has said.
function take(report, life) {
  const at = Date.now();
  const { report: before } = known;
  const wasGone = isGone();
  part('live').dataset.state = 'live';
  if (before !== null) {
    if (wasGone) {
      const isNew = life !== null && life !== known.life;
      noteChange(at, isNew ? 'The node was started again.' : 'The node answers again.');
      announce('The node answers again.');
    }
    noteChanges(before, report, at);
  }
  noteSpan(report, at);
  Object.assign(known, { report, at, life: life ?? known.life });
  if (before === null || wasGone || headline(before) !== headline(report)) announce(`${headline(report)}.`);
  show();
  if (isBehind(report)) askWhy();
}

// The node has not answered since then.
function lose(since) {
  if (isGone()) return;
  part('live').dataset.state = 'gone';
  known.goneSince = since;
  if (known.report !== null) {
    known.spans.push({ kind: 'unheard', from: since });
    forgetSpans();
    noteChange(Date.now(), 'The node does not answer.');
  }
  announce('The node does not answer.');
  show();
}

// ---- What is shown ----

function announce(text) {
  say('news', text);
}

function headline(report) {
  const leader = leaderOf(report);
  if (report.retiring) return `${report.id} gives its leadership up`;
  if (report.leader !== null) return `${leader.id} leads`;
  if (leader !== null) return `${leader.id} is elected`;
  return report.state === 'starting' ? 'The node starts' : 'Nobody leads';
}

function isGone() {
  return part('live').dataset.state === 'gone';
}

function show() {
  const { report } = known;
  if (report === null) {
    if (isGone()) say('lead', 'No answer');
    showLive();
    return;
  }
  say('me', `node ${report.id}, ${report.role}`);
  say('who', `node ${report.id}`);
  say('lead', isGone() ? 'No answer' : headline(report));
  document.title = `${isGone() ? 'No answer' : headline(report)} · node ${report.id} · ballotbox`;
  say('lead-until', isGone() ? '' : until(report));
  say('members-title', isGone() ? `Voters, as this node saw them at ${clock(known.at)}` : 'Voters, as this node sees them');
  say('details-title', isGone() ? `This node, at ${clock(known.at)}` : 'This node');
  showLamp(report);
  showAlerts(report);
  showMembers(report);
  showChanges();
  showDetails(report);
  showTimes();
}

function showTimes() {
  const { report, at } = known;
  const since = howLong(report.since_ms + Date.now() - at);
  say('lead-more', isGone() ? `When this node answered last, at ${clock(at)}: ${headline(report)}.` : more(report, since));
  showLive();
  showHour();
}

function showLive() {
  const text = { live: 'live', waiting: 'asking …', gone: `no answer since ${clock(known.goneSince)}, asking again` };
  say('live-text', text[part('live').dataset.state]);
}

function more(report, since) {
  const leader = leaderOf(report);
  if (leader === null) {
    const elected = report.elected === null ? 'this node looks for a leader' : `${report.elected} is elected, and does not lead yet`;
    return `For ${since}: ${elected}, in round ${report.round}.`;
  }
  const who = leader.id === report.id ? 'This node, for' : 'This node follows it, for';
  return `${who} ${since}${leader.token === null ? '' : `, with token ${leader.token}`}.`;
}

function until(report) {
  const { lease, promise } = report;
  if (report.leading && lease === null) return 'Without a lease: another one may lead before this node has noticed.';
  if (report.leading && lease.remaining_ms === null) return `It holds no lease: promised by ${list(lease.promises)}.`;
  if (report.leading) {
    return `Nobody else can lead before ${clock(Date.now() + lease.remaining_ms)}: its lease of ${exactly(lease.length_ms)} ` +
      `is promised by ${list(lease.promises)}, and renewed all the time.`;
  }
  if (promise === null) return '';
  const to = promise.to === null ? 'a leader' : promise.to;
  return `This node has promised to ${to} to help nobody else before ${clock(Date.now() + promise.remaining_ms)}, and does so again all the time.`;
}

function showLamp(report) {
  const judged = isGone() ? null : report.safe_to_restart;
  const [state, mark, answer] = judged === null ? ['unknown', '?', 'Not known'] : judged.safe ? ['safe', '✓', 'Yes'] : ['unsafe', '✕', 'Not now'];
  part('lamp').dataset.state = state;
  part('lamp').querySelector('.mark').textContent = mark;
  say('lamp-answer', answer);
  say('lamp-why', judged === null ? 'It does not answer.' : sentence(judged.why));
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + '.';
}

function showAlerts(report) {
  const alerts = [];
  if (report.disk?.error) alerts.push(`The disk fails: ${report.disk.error}`);
  if (report.recorded === false) alerts.push('Its data directory is not recorded by the others yet: its word does not count.');
  if (report.beside_real_server) alerts.push('It has met a ZooKeeper server: it does not lead, and as a voter follows no epoch.');
  part('alerts').replaceChildren(...alerts.map((text) => element('li', text)));
  part('alerts').hidden = alerts.length === 0;
}

function showMembers(report) {
  const rows = report.voters.map((voter) => memberRow(voter, report));
  if (!report.voters.some((voter) => voter.id === report.id)) rows.push(memberRow({ id: report.id, link: null }, report));
  part('members').replaceChildren(...rows);
}

function memberRow({ id, link }, report) {
  const row = element('tr');
  const leads = leaderOf(report)?.id === id;
  if (leads) row.dataset.leads = '';
  const [state, mark, words] = link === null ? ['self', '', 'this node'] : link ? ['up', '●', 'up'] : ['down', '○', 'down'];
  const cell = element('td', '', { 'data-state': state });
  if (mark !== '') cell.append(element('span', mark, { class: 'mark', 'aria-hidden': 'true' }));
  cell.append(words);
  const role = leads ? headline(report).replace(/^\d+ /, '') : report.elected === id ? 'is elected' : link === null ? report.state : '';
  row.append(element('th', String(id), { scope: 'row' }), cell, element('td', role));
  return row;
}

function nameOf(span) {
  return { leads: String(span.leader), nobody: 'nobody', unheard: 'not known' }[span.kind];
}

function showHour() {
  const now = Date.now();
  const spans = known.spans.map((span, n) => ({ ...span, from: Math.max(span.from, now - HOUR), to: known.spans[n + 1]?.from ?? now }));
  const before = { kind: 'unheard', from: now - HOUR, to: spans[0]?.from ?? now };
  const all = before.to > before.from ? [before, ...spans] : spans;
  const percent = (ms) => `${((ms / HOUR) * 100).toFixed(3)}%`;
  const segments = all.map((span) => {
    const segment = element('span', span.to - span.from > HOUR / 20 ? nameOf(span) : '', { 'data-kind': span.kind, title: nameOf(span) });
    segment.style.left = percent(span.from - (now - HOUR));
    segment.style.width = percent(span.to - span.from);
    segment.style.setProperty('--hue', String(75 + ((Number(span.leader ?? 0) * 97) % 240)));
    return segment;
  });
  part('strip').replaceChildren(...segments);
  const total = new Map();
  for (const span of all) total.set(nameOf(span), (total.get(nameOf(span)) ?? 0) + span.to - span.from);
  say('strip-words', [...total].map(([name, ms]) => `${name}: ${howLong(ms)}`).join('; '));
  showSpans(spans);
}

function showSpans(spans) {
  const rows = spans.slice(-SPANS_SHOWN).reverse().map((span) => {
    const row = element('tr');
    const token = span.kind === 'leads' && span.token !== null ? String(span.token) : '';
    row.append(element('td', clock(span.from)), element('td', howLong(span.to - span.from)),
      element('td', nameOf(span), { 'data-kind': span.kind }), element('td', token, { class: 'number' }));
    return row;
  });
  const before = part('spans');
  const text = (nodes) => nodes.map((node) => node.textContent).join('|');
  if (text([...before.children]) !== text(rows)) before.replaceChildren(...rows);
  const left = spans.length - rows.length;
  const since = spans.length === 0 ? known.opened : spans[0].from;
  const seen = `Known since ${clock(since)}: what this node has seen since it was started, and what this page has heard while it is open.`;
  say('hour-note', left > 0 ? `${left} earlier ones are not listed. ${seen}` : seen);
}

function showChanges() {
  const told = known.told.map(({ at, from, leader, token, words }) => {
    const what = leader === null ? 'nobody leads' : `${leader} leads`;
    const text = sentence(token === null || leader === null ? what : `${what} with token ${token}`);
    const why = ENDED.exec(words)?.[1].replace(/\s+/g, ' ');
    return { at: leader === null ? at : from, text, why, what, words: words.replace(ENDED, '') };
  });
  const since = told[0]?.at ?? Infinity;
  const own = known.changes.filter((change) => !change.isOfLeader || change.at < since);
  const all = [...own, ...told].sort((a, b) => b.at - a.at).slice(0, CHANGES_SHOWN);
  const sign = JSON.stringify(all);
  if (sign === shownChanges) return;
  shownChanges = sign;
  part('changes').replaceChildren(...all.map(changeItem));
  say('changes-note', all.length === 0 ? `None since this page was opened, at ${clock(known.opened)}.` : '');
}

function changeItem({ at, text, why, what, words }) {
  const item = element('li');
  item.append(element('time', clock(at)), element('span', text));
  if (why) item.append(element('span', why, { class: 'more soft' }));
  if (words) {
    const account = element('details', '', { class: 'more' });
    account.append(element('summary', `Why ${what}`), inRows(words));
    account.open = isOpen.has(words);
    account.addEventListener('toggle', () => isOpen[account.open ? 'add' : 'delete'](words));
    item.append(account);
  }
  return item;
}

let shownChanges = '';
// Why the leader before has ended, with the lines in which that goes on.
const ENDED = /^ +before +(.*(?:\n {15}.*)*)\n/m;
// The accounts that somebody has opened, and that stay so.
const isOpen = new Set();

// The words of the node are made for a terminal: a heading, then what a line is about, and from the 16th character on the line.
function inRows(words) {
  const rows = element('dl');
  for (const line of words.split('\n').slice(1).filter((line) => line !== '')) {
    const [about, text] = [line.slice(0, 15).trim(), line.slice(15).trim()];
    const last = rows.lastElementChild;
    if (about !== '' || last === null) rows.append(element('dt', about), element('dd', text));
    else last.textContent += `\n${text}`;
  }
  return rows;
}

function showDetails(report) {
  const { epoch, disk, lease } = report;
  const details = [
    ['State', report.state],
    ['Election', report.elected === null ? `nobody elected in round ${report.round}` : `${report.elected} elected in round ${report.round}`],
    ['Epochs', epoch === null ? 'none: elections alone' : `${epoch.accepted} accepted, ${epoch.current} current`],
    ['Lease', lease === null ? 'none' : exactly(lease.length_ms)],
    ['Disk', disk === null ? 'none' : `${disk.directory ?? 'in memory'}, ${disk.state}`],
    ['Version', report.version],
  ];
  part('details').replaceChildren(...details.flatMap(([name, text]) => [element('dt', name), element('dd', text)]));
}
