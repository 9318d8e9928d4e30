// The connection to the node: /events, or /status where there are streams enough; and /why.

// The node says something every 5 s, so one that is silent for this long has gone without a word.
const SILENT_AFTER = 12_000;
const ASK_AGAIN = { first: 250, last: 4_000 };

let stream = null;
let askedAt = 0;
let wait = ASK_AGAIN.first;
let again = null;
// Requests are numbered: the last one, and the newest one of which something was heard.
let asked = 0;
let heard = 0;

// Whether what has come of this request still counts: if it comes late, something newer may have been heard.
function isNewest(request) {
  if (request < heard) return false;
  heard = request;
  return true;
}

function ask() {
  clearTimeout(again);
  stream?.close();
  askedAt = Date.now();
  const request = ++asked;
  stream = new EventSource('events');
  stream.addEventListener('status', (event) => {
    wait = ASK_AGAIN.first;
    const report = JSON.parse(event.data);
    const life = event.lastEventId.split('.')[0];
    // An answer to a request of before may have been made later, if it was made by the same process.
    const isOlder = life === known.life && report.seq < known.report.seq;
    if (isNewest(request) && !isOlder) take(report, life);
  });
  stream.onerror = () => fail(stream.readyState === EventSource.CLOSED, Date.now());
}

// A server that refuses a stream may still say how things stand.
async function fail(wasAnswered, at) {
  const request = ++asked;
  stream?.close();
  stream = null;
  again = setTimeout(ask, wait);
  wait = Math.min(wait * 2, ASK_AGAIN.last);
  try {
    if (!wasAnswered) throw new Error('nobody answers');
    const answer = await fetch('status', { signal: AbortSignal.timeout(ASK_AGAIN.last) });
    if (!answer.ok) throw new Error(`code ${answer.status}`);
    const report = await answer.json();
    if (isNewest(request)) take(report, null);
  } catch {
    if (isNewest(request)) lose(at);
  }
}

let asksWhy = false;

async function askWhy() {
  if (asksWhy) return;
  asksWhy = true;
  try {
    const answer = await fetch('why', { signal: AbortSignal.timeout(ASK_AGAIN.last) });
    if (answer.ok) recall(await answer.json());
  } catch {
    // The stream says whether the node is there, and what it says next asks again.
  }
  asksWhy = false;
}

function look() {
  const heardAt = Math.max(known.at, askedAt);
  if (stream !== null && Date.now() - heardAt > SILENT_AFTER) fail(false, heardAt);
  if (known.report !== null) showTimes();
}

// A page that the browser puts aside holds no connection, and asks again when it comes back.
addEventListener('pagehide', () => stream?.close());
addEventListener('pageshow', (event) => event.persisted && ask());
addEventListener('online', ask);
setInterval(look, 1000);
ask();
