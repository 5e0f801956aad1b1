/* What the page shows: messages as columns of numbers, octets inflated in the background, groups. */

const data = JSON.parse(document.getElementById("data").textContent);
const rows = data.columns;
const COUNT = rows.length.length;
const REQUEST = Uint8Array.from(rows.kind, kind => data.kinds[kind][3] ? 1 : 0);
const [PLAIN, SUCCESS, PROTOCOL, TRANSIENT, FAILURE, DECLINED, UNANSWERED] = data.outcomes.keys();
const BAD = new Set([PROTOCOL, TRANSIENT, FAILURE, DECLINED, UNANSWERED]);

/* Microseconds since the first message, and where each message begins in the inflated octets. */
const times = new Float64Array(COUNT), starts = new Float64Array(COUNT + 1);
for (let i = 0, now = 0; i < COUNT; i++) {
  times[i] = now += rows.time[i];
  starts[i + 1] = starts[i] + rows.length[i];
}

const UPKEEP = Uint8Array.from(rows.kind, kind => data.kinds[kind][4] ? 1 : 0);

/* The outcome that colours a transaction: that of its answer. */
const verdict = Uint8Array.from(rows.outcome, (own, i) => {
  const pair = rows.pair[i];
  return REQUEST[i] && pair >= 0 && !BAD.has(own) ? rows.outcome[pair] : own;
});
const latency = Float64Array.from(rows.pair, (pair, i) => REQUEST[i] || pair < 0 ? -1 : times[i] - times[pair]);

let octets = null;
const inflated = (async () => {
  const packed = Uint8Array.from(atob(document.getElementById("octets").textContent), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  octets = new Uint8Array(await new Response(stream).arrayBuffer());
  document.getElementById("octets").remove();
})();

function octetsOf(i) {
  return octets.subarray(starts[i], starts[i + 1]);
}

function definitionsOf(i) {
  const application = data.kinds[rows.kind[i]][2];
  const own = data.avps.own[application], all = data.avps.all;
  return own ? key => own[key] || all[key] : key => all[key];
}

/* {list, tail} of message i. */
function treeOf(i) {
  const message = octetsOf(i);
  return avpsOf(message, Math.min(20, message.length), message.length, 0, definitionsOf(i), 0);
}

function applicationOf(i) {
  const id = data.kinds[rows.kind[i]][2];
  return data.applications[id] || String(id);
}

function shortResult(i) {
  const result = rows.result[i] < 0 ? "" : data.results[rows.result[i]];
  return result.replace(/DIAMETER_(ERROR_)?/, "").replace(/^10415:/, "").replaceAll("_", " ");
}

/* ---- text to search in: what the row shows, and every AVP as "name=value" on a line of its own ---- */

const shallow = new Array(COUNT), deep = new Array(COUNT);
let indexed = 0, patience = 0;

function shallowText(i) {
  if (shallow[i] === undefined) {
    const [short, name] = data.kinds[rows.kind[i]], link = data.links[rows.link[i]];
    shallow[i] = [
      short, name, applicationOf(i), rows.result[i] < 0 ? "" : data.results[rows.result[i]],
      data.participants[rows.source[i]], data.participants[rows.destination[i]],
      rows.session[i] < 0 ? "" : data.sessions[rows.session[i]], rows.note[i] < 0 ? "" : data.notes[rows.note[i]],
      rows.subject[i] < 0 ? "" : data.notes[rows.subject[i]],
      link[0],
    ].join("\n").toLowerCase();
  }
  return shallow[i];
}

function deepText(i) {
  if (deep[i] === undefined) {
    const parts = [""];
    const walk = list => {
      for (const node of list) {
        if (node.members) walk(node.members);
        else parts.push(node.name + "=" + node.value);
      }
    };
    walk(treeOf(i).list);
    deep[i] = parts.join("\n").toLowerCase() + "\n";
  }
  return deep[i];
}

/* Whether the deep text of a message may be asked for: it is there, or there is still time to make it.  A search right
   after loading so stays quick; what it leaves out it finds when indexing is done. */
function deepReady(i) {
  return deep[i] !== undefined || octets !== null && performance.now() < patience;
}

/* Index a slice while nothing else is to do; `done` is called once, at the end. */
function indexInBackground(done) {
  const idle = window.requestIdleCallback || (call => setTimeout(() => call({timeRemaining: () => 8}), 1));
  const slice = deadline => {
    while (indexed < COUNT && deadline.timeRemaining() > 1)
      for (const end = Math.min(COUNT, indexed + 40); indexed < end; indexed++) { shallowText(indexed); deepText(indexed); }
    if (indexed < COUNT) idle(slice); else done();
  };
  inflated.then(() => idle(slice));
}

/* ---- how numbers read ---- */

function clock(micros) {
  const date = new Date((data.start_us + micros) / 1000);
  const pad = (n, width) => String(n).padStart(width, "0");
  return `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}` +
    `.${pad(Math.floor((data.start_us + micros) % 1e6), 6)}`;
}

function span(micros) {
  if (micros < 1000) return micros + " µs";
  if (micros < 1e6) return (micros / 1e3).toFixed(micros < 1e4 ? 2 : 1) + " ms";
  if (micros < 6e7) return (micros / 1e6).toFixed(micros < 1e7 ? 2 : 1) + " s";
  const minutes = Math.floor(micros / 6e7);
  return minutes < 60 ? `${minutes} min ${Math.round(micros / 1e6 % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function amount(n, one, many) {
  return n.toLocaleString("en") + " " + (n === 1 ? one : many || one + "s");
}

/* ---- making elements: text is set, never parsed ---- */

function make(tag, className, content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (content !== undefined) element.append(content);
  return element;
}
