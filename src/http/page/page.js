'use strict';
// Everything on this page comes from /events: how things stand with one node, at every change and every 5 s.
// Whatever it says is written as text, never as markup. The page keeps what it has heard, for the last hour.

const HOUR = 3_600_000;
// The node says something every 5 s, so one that is silent for this long has gone without a word.
const SILENT_AFTER = 12_000;
const ASK_AGAIN = { first: 250, last: 4_000 };
const SPANS_MAX = 200;
const SPANS_SHOWN = 10;
const CHANGES_MAX = 12;

// When the server tells the last hour itself, it belongs in here: see `take`.
const known = {
  report: null,
  // When that was, and of which life of the node.
  at: 0,
  life: null,
  opened: Date.now(),
  // Who led when, the oldest first; the last one goes on. `kind` is leads, nobody or unheard.
  spans: [],
  // What happened, the newest first.
  changes: [],
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
  if (ms < 1000) return ms < 100 ? 'less than 0.1 s' : `${(ms / 1000).toFixed(1)} s`;
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
  } else if (last) {
    next.from = Math.min(at, Math.max(next.from, last.from));
  }
  spans.push(next);
  while (spans.length > SPANS_MAX || (spans.length > 1 && spans[1].from < at - HOUR)) spans.shift();
}

function noteChange(at, text, why = '') {
  known.changes.unshift({ at, text, why });
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
  if (was !== null) noteChange(at, `${was.id} leads no more.`, whyItEnded(before, after, was.id));
  if (is !== null) {
    const token = is.token === null ? '' : ` with token ${is.token}`;
    noteChange(at, `${is.id} leads${token}.`, `It was elected in round ${after.round}.`);
  }
}

// What this node saw of it. Why a leader has ended only that one knows.
function whyItEnded(before, after, leader) {
  if (before.retiring) return 'It has given its leadership up.';
  const linked = (report) => report.voters.filter((voter) => voter.link).length;
  if (leader === after.id) return `This node has links to ${linked(after)} of ${after.voters.length - 1} other voters.`;
  const voter = after.voters.find((other) => other.id === leader);
  if (voter?.link === false) return `This node has no link to ${leader}.`;
  return '';
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
}

// Nothing was heard from the node any more.
function lose() {
  if (isGone()) return;
  part('live').dataset.state = 'gone';
  if (known.report !== null) {
    known.spans.push({ kind: 'unheard', from: known.at });
    noteChange(Date.now(), 'The node does not answer.');
  }
  announce('The node does not answer.');
  show();
}

// ---- The connection ----

let stream = null;
let askedAt = 0;
let wait = ASK_AGAIN.first;
let again = null;

function ask() {
  clearTimeout(again);
  stream?.close();
  askedAt = Date.now();
  stream = new EventSource('events');
  stream.addEventListener('status', (event) => {
    wait = ASK_AGAIN.first;
    const report = JSON.parse(event.data);
    take(report, event.lastEventId.split('.')[0]);
  });
  stream.onerror = () => fail(stream.readyState === EventSource.CLOSED);
}

// A server that refuses a stream may still say how things stand.
async function fail(wasAnswered) {
  stream?.close();
  stream = null;
  again = setTimeout(ask, wait);
  wait = Math.min(wait * 2, ASK_AGAIN.last);
  try {
    if (!wasAnswered) throw new Error('nobody answers');
    take(await (await fetch('status', { signal: AbortSignal.timeout(ASK_AGAIN.last) })).json(), null);
  } catch {
    lose();
  }
}

function look() {
  if (stream !== null && Date.now() - Math.max(known.at, askedAt) > SILENT_AFTER) fail(false);
  if (known.report !== null) showTimes();
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
  const since = known.at === 0 ? known.opened : known.at;
  const text = { live: 'live', waiting: 'asking …', gone: `no answer since ${clock(since)}, asking again` };
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
  return { leads: String(span.leader), nobody: 'nobody', unheard: 'not heard' }[span.kind];
}

function showHour() {
  const now = Date.now();
  const spans = known.spans.map((span, n) => ({ ...span, from: Math.max(span.from, now - HOUR), to: known.spans[n + 1]?.from ?? now }));
  const percent = (ms) => `${((ms / HOUR) * 100).toFixed(3)}%`;
  const segments = spans.map((span) => {
    const segment = element('span', span.to - span.from > HOUR / 20 ? nameOf(span) : '', { 'data-kind': span.kind, title: nameOf(span) });
    segment.style.left = percent(span.from - (now - HOUR));
    segment.style.width = percent(span.to - span.from);
    segment.style.setProperty('--hue', String(75 + ((Number(span.leader ?? 0) * 97) % 240)));
    return segment;
  });
  part('strip').replaceChildren(...segments);
  const total = new Map();
  for (const span of spans) total.set(nameOf(span), (total.get(nameOf(span)) ?? 0) + span.to - span.from);
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
  const seen = `This page keeps what it hears while it is open, since ${clock(known.opened)}; of what was before it knows only since when this leader leads.`;
  say('hour-note', left > 0 ? `${left} earlier ones are not listed. ${seen}` : seen);
}

function showChanges() {
  const items = known.changes.map(({ at, text, why }) => {
    const item = element('li');
    item.append(element('time', clock(at)), element('span', text));
    if (why !== '') item.append(element('span', why, { class: 'why soft' }));
    return item;
  });
  part('changes').replaceChildren(...items);
  say('changes-note', items.length === 0 ? `None since this page was opened, at ${clock(known.opened)}.` : '');
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

// A page that the browser puts aside holds no connection, and asks again when it comes back.
addEventListener('pagehide', () => stream?.close());
addEventListener('pageshow', (event) => event.persisted && ask());
addEventListener('online', ask);
setInterval(look, 1000);
ask();
