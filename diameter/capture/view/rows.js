/* The ladder itself: a list of items of equal height, of which only those in view are in the page. */

const ROW = 30, GUTTER = 164, LANE = 106, SPARE = 8, GAP = 500000, LIMIT = 480;
const MESSAGE = 0, GROUP = 1, EVENT = 2, PAUSE = 3;
const ORDERS = {time: null, session: rows.session, transaction: rows.exchange, device: rows.device};

const view = {
  order: "time", typed: "", sought: "", upkeep: true, unfolded: new Set(), selected: -1,
  kinds: [], refs: [], place: new Map(), groups: [], shown: [], lanes: [], width: 0, find: false, hits: null,
};
const scroller = document.getElementById("scroller"), space = document.getElementById("space");
const inPage = new Map();

/* ---- which items there are ---- */

function choose() {
  const passes = filterOf(view.typed), shown = [];
  patience = performance.now() + 80;
  view.hits = view.find && view.typed ? new Set() : null;
  for (let i = 0; i < COUNT; i++) {
    if (!view.upkeep && UPKEEP[i]) continue;
    const fits = passes(i);
    if (fits && view.hits) view.hits.add(i);
    if (fits || view.find) shown.push(i);
  }
  view.shown = shown;
  const column = ORDERS[view.order];
  const few = view.hits ? [...view.hits] : shown;
  if (column && view.typed && view.typed !== view.sought && few.length <= 60)
    view.unfolded = new Set(few.map(i => column[i]));
  view.sought = view.typed;
  arrange();
}

function arrange() {
  view.kinds = []; view.refs = []; view.place = new Map(); view.groups = [];
  const column = ORDERS[view.order];
  if (column) arrangeGroups(column); else arrangeTime();
  for (const element of inPage.values()) element.remove();
  inPage.clear();
  space.style.height = view.kinds.length * ROW + 24 + "px";
}

function push(kind, ref) {
  if (kind === MESSAGE) view.place.set(ref, view.kinds.length);
  view.kinds.push(kind);
  view.refs.push(ref);
}

function arrangeTime() {
  let last = -1, event = 0;
  const events = view.typed && !view.find ? [] : data.events.filter(one => view.upkeep || LOST.test(one[1]));
  const put = (kind, ref, now) => {
    if (last >= 0 && now - last >= GAP) push(PAUSE, now - last);
    push(kind, ref);
    last = now;
  };
  const upTo = until => {
    for (; event < events.length && events[event][0] - data.start_us <= until; event++)
      put(EVENT, events[event], events[event][0] - data.start_us);
  };
  for (const i of view.shown) {
    upTo(times[i] - 1);
    put(MESSAGE, i, times[i]);
  }
  upTo(Infinity);
}

function arrangeGroups(column) {
  const byName = new Map();
  for (const i of view.shown) {
    const group = byName.get(column[i]);
    if (group) group.push(i); else byName.set(column[i], [i]);
  }
  const loose = byName.get(-1);
  byName.delete(-1);
  const list = [...byName].map(([name, members]) => ({name, members}));
  if (loose) list.push({name: -1, members: loose});
  view.groups = list;
  list.forEach((group, at) => {
    push(GROUP, at);
    if (view.unfolded.has(group.name) || list.length === 1) for (const i of group.members) push(MESSAGE, i);
  });
}

/* ---- lanes ---- */

function layOut() {
  const count = Math.max(1, data.participants.length);
  view.width = Math.max(scroller.clientWidth, GUTTER + count * LANE + 16);
  const lane = (view.width - GUTTER - 16) / count;
  view.lanes = data.participants.map((_, i) => Math.round(GUTTER + (i + 0.5) * lane));
  const head = document.getElementById("lanes");
  head.style.width = space.style.width = view.width + "px";
  head.replaceChildren(...data.participants.map((name, i) => card(name, i, lane)));
  for (const line of space.querySelectorAll(".lifeline")) line.remove();
  space.prepend(...view.lanes.map(x => {
    const line = make("i", "lifeline");
    line.style.left = x + "px";
    return line;
  }));
}

const traffic = data.participants.map(() => 0), addressesOf = data.participants.map(() => new Set());
for (let i = 0; i < COUNT; i++) {
  const link = data.links[rows.link[i]];
  [rows.source[i], rows.destination[i]].forEach((end, at) => { traffic[end]++; addressesOf[end].add(link[at + 1]); });
}

function card(name, i, lane) {
  const box = make("button", "card");
  const dot = /^[\d.:[\]]+$/.test(name) ? -1 : name.indexOf(".");
  box.type = "button";
  box.style.left = view.lanes[i] + "px";
  box.style.width = Math.min(lane - 10, 240) + "px";
  const addresses = [...addressesOf[i]];
  box.title = [name, ...addresses.slice(0, 8), addresses.length > 8 ? `and ${addresses.length - 8} more` : "",
    amount(traffic[i], "message") + "; click to see only these"].filter(Boolean).join("\n");
  box.append(make("b", "", dot > 0 ? name.slice(0, dot) : name), make("span", "", dot > 0 ? name.slice(dot + 1) : ""));
  box.addEventListener("click", () => setFilter(view.typed === "host:" + name ? "" : "host:" + name));
  return box;
}

/* ---- drawing ---- */

function draw() {
  const top = scroller.scrollTop, last = view.kinds.length - 1;
  const from = Math.max(0, Math.floor(top / ROW) - SPARE);
  const to = Math.min(last, from + LIMIT - 1, Math.ceil((top + scroller.clientHeight) / ROW) + SPARE);
  for (const [at, element] of inPage)
    if (at < from || at > to) { element.remove(); inPage.delete(at); }
  const fresh = [];
  for (let at = from; at <= to; at++) {
    if (inPage.has(at)) continue;
    const element = [messageRow, groupRow, eventRow, pauseRow][view.kinds[at]](view.refs[at], at);
    element.style.top = at * ROW + "px";
    inPage.set(at, element);
    fresh.push(element);
  }
  space.append(...fresh);
}

/* Everything anew, where selection or layout changed. */
function redraw() {
  for (const element of inPage.values()) element.remove();
  inPage.clear();
  draw();
}

function messageRow(i, at) {
  const row = make("div", "row message");
  const chosen = view.selected;
  if (chosen >= 0) {
    if (i === chosen) row.classList.add("selected");
    else if (rows.pair[chosen] === i) row.classList.add("partner");
    else if (rows.session[i] >= 0 && rows.session[i] === rows.session[chosen]) row.classList.add("kin");
  }
  row.dataset.message = i;
  if (view.hits?.has(i)) row.classList.add("hit");
  const before = at > 0 && view.kinds[at - 1] === MESSAGE ? view.refs[at - 1] : -1;
  const since = before < 0 || times[i] === times[before] ? "" : "+" + span(times[i] - times[before]);
  row.append(make("time", "", clock(times[i]).slice(0, -3)), make("span", "since", since), arrow(i));
  return row;
}

function arrow(i) {
  const box = make("div", "arrow " + data.outcomes[verdict[i]]);
  box.classList.add(REQUEST[i] ? "request" : "answer");
  if (rows.again[i]) box.classList.add("again");
  place(box, rows.source[i], rows.destination[i]);
  const chip = make("span", "chip");
  chip.append(make("b", "", data.kinds[rows.kind[i]][0]));
  const words = REQUEST[i] ? "" : shortResult(i);
  if (words) chip.append(make("span", "result", words.slice(0, 4)));
  if (words.length > 5 && words[0] !== "2") chip.append(make("span", "why", words.slice(5)));
  const note = noteOf(i);
  if (note) chip.append(make("span", "note", note));
  if (rows.outcome[i] === UNANSWERED) chip.append(make("span", "result", "no answer"));
  if (latency[i] >= 0) chip.append(make("span", "took", span(latency[i])));
  if (rows.again[i]) {
    const again = make("span", "mark again", rows.again[i] & 1 ? "T" : "again");
    again.title = rows.again[i] & 1 ? "T flag: sent again" : "The same request as before, without the T flag";
    chip.append(again);
  }
  if (worst[i]) chip.append(badgeOf(i));
  chip.title = [...chip.childNodes].map(node => node.textContent).join(" ");
  box.append(make("i", "line"), make("i", "head"), chip);
  return box;
}

function noteOf(i) {
  const note = rows.note[i] < 0 ? [] : [data.notes[rows.note[i]].replaceAll("_", " ")];
  if (rows.subject[i] >= 0 && view.order !== "device") note.push(data.notes[rows.subject[i]]);
  return note.join(" · ");
}

function groupRow(at) {
  const group = view.groups[at], members = group.members;
  const row = make("div", "row group");
  const open = view.unfolded.has(group.name) || view.groups.length === 1;
  row.classList.toggle("open", open);
  row.dataset.group = at;
  const name = groupName(group.name, members[0]);
  const took = times[members[members.length - 1]] - times[members[0]];
  const bad = members.filter(i => BAD.has(verdict[i]));
  const spark = make("span", "spark");
  for (const i of members.slice(0, 48)) spark.append(make("i", data.outcomes[verdict[i]]));
  row.append(make("i", "fold"), make("time", "", clock(times[members[0]]).slice(0, -3)), make("b", "", name), spark);
  row.append(make("span", "sum", `${amount(members.length, "message")}, ${span(took)}`));
  const findings = Math.max(...members.map(i => worst[i]));
  if (findings > 1) row.append(make("span", "mark " + SEVERITIES[findings], "!"));
  if (bad.length) {
    const first = bad.find(i => !REQUEST[i] && rows.result[i] >= 0 && rows.outcome[i] !== SUCCESS);
    const why = first === undefined ? (bad.some(i => verdict[i] === UNANSWERED) ? "no answer" : "") : shortResult(first);
    row.append(make("span", "why " + data.outcomes[verdict[first === undefined ? bad[0] : first]], why || "declined"));
  }
  return row;
}

function groupName(name, first) {
  if (view.order === "transaction") {
    const ends = [rows.source[first], rows.destination[first]].map(end => firstLabel(data.participants[end]));
    const [short] = data.kinds[rows.kind[first]], subject = rows.subject[first] < 0 ? "" : " · " + data.notes[rows.subject[first]];
    return `${short} ${ends[0]} → ${ends[1]}${subject}`;
  }
  if (name < 0) return view.order === "session" ? "without a Session-Id" : "without a device";
  return (view.order === "session" ? data.sessions : data.devices)[name];
}

function pauseRow(quiet) {
  const row = make("div", "row pause");
  row.append(make("span", "", span(quiet) + " later"));
  return row;
}
