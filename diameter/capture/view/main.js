/* The page comes to life. */

const filter = document.getElementById("filter"), helpbox = document.getElementById("helpbox");

function show() {
  choose();
  layOut();
  draw();
  drawOverview();
  const empty = document.getElementById("empty");
  empty.hidden = view.kinds.length > 0;
  if (!empty.hidden) empty.textContent = COUNT ? "No message fits this filter." : "No messages.";
  document.getElementById("unfold").hidden = view.order === "time";
  drawFacts();
}

function drawFacts() {
  const facts = document.getElementById("facts");
  const bad = count(i => BAD.has(verdict[i]) && REQUEST[i]) + count(i => !REQUEST[i] && rows.pair[i] < 0 && BAD.has(verdict[i]));
  const some = view.hits ? view.hits.size : view.shown.length;
  const parts = [make("span", "", some === COUNT ? amount(COUNT, "message")
    : `${some.toLocaleString("en")} of ${amount(COUNT, "message")}`)];
  parts.push(make("span", "", amount(count(i => !REQUEST[i] && rows.pair[i] >= 0), "transaction")));
  parts.push(make("span", "", COUNT ? span(times[COUNT - 1]) : ""));
  const chip = (words, className, typed) => {
    const button = make("button", "link " + className, words);
    button.type = "button";
    button.addEventListener("click", () => toggleFilter(typed));
    parts.push(button);
  };
  if (bad) chip(amount(bad, "failed", "failed"), "failure", "is:failed");
  const chips = findingChips();
  for (const [words, className, typed] of chips) chip(words, className, typed);
  if (!bad && !chips.length && COUNT) parts.push(make("span", "success", "all succeeded"));
  facts.replaceChildren(...parts);
}

const counts = new Map();
function count(test) {
  const key = String(test);
  if (!counts.has(key)) {
    let n = 0;
    for (let i = 0; i < COUNT; i++) if (test(i)) n++;
    counts.set(key, n);
  }
  return counts.get(key);
}

function toggleFilter(typed) {
  setFilter(view.typed === typed ? "" : typed);
}

function setFilter(typed) {
  filter.value = typed;
  view.typed = typed.trim();
  show();
  scroller.scrollTop = 0;
  if (view.selected >= 0 && view.place.has(view.selected)) reveal(view.selected);
}

/* Select message i (-1: none) and, if asked, bring it into view. */
function select(i, scroll = false) {
  if (i < 0) close(); else open(i);
  if (scroll) reveal(i);
  layOut();
  redraw();
  drawOverview();
}

function reveal(i) {
  const column = ORDERS[view.order];
  if (column && !view.place.has(i)) { view.unfolded.add(column[i]); arrange(); }
  const at = view.place.get(i);
  if (at === undefined) return;
  const top = at * ROW, room = scroller.clientHeight - 60;
  if (top < scroller.scrollTop + ROW || top > scroller.scrollTop + room - ROW) scroller.scrollTop = top - room / 2;
}

/* The next hit of a search from the selected message; of a filter every message is one. */
function seek(by) {
  const hits = view.hits ? [...view.hits] : view.shown;
  if (!hits.length) return;
  const now = view.selected;
  const next = by > 0 ? hits.find(i => i > now) ?? hits[0] : hits.findLast(i => i < now) ?? hits[hits.length - 1];
  select(next, true);
}

/* The next message row from the selected one. */
function step(by) {
  let at = view.place.get(view.selected) ?? (by > 0 ? Math.floor(scroller.scrollTop / ROW) - 1 : view.kinds.length);
  do at += by; while (at >= 0 && at < view.kinds.length && view.kinds[at] !== MESSAGE);
  if (at >= 0 && at < view.kinds.length) select(view.refs[at], true);
}

/* ---- what people do ---- */

let waiting = 0;
filter.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { view.typed = filter.value.trim(); scroller.scrollTop = 0; show(); }, 60);
});

scroller.addEventListener("scroll", () => requestAnimationFrame(() => { draw(); drawOverview(); }), {passive: true});
new ResizeObserver(() => { layOut(); redraw(); drawOverview(); }).observe(scroller);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawOverview);

space.addEventListener("click", event => {
  const row = event.target.closest(".row");
  if (!row) return;
  if (row.dataset.message !== undefined) {
    const i = Number(row.dataset.message);
    select(i === view.selected ? -1 : i);
  } else if (row.dataset.group !== undefined) {
    const {name} = view.groups[row.dataset.group];
    if (!view.unfolded.delete(name)) view.unfolded.add(name);
    arrange();
    draw();
  }
});

document.getElementById("order").addEventListener("click", event => {
  const order = event.target.dataset.order;
  if (!order) return;
  view.order = order;
  view.unfolded.clear();
  drawOrder();
  show();
  scroller.scrollTop = 0;
  if (view.selected >= 0) { reveal(view.selected); redraw(); }
});

function drawOrder() {
  for (const button of document.querySelectorAll("#order button"))
    button.setAttribute("aria-checked", String(button.dataset.order === view.order));
}

document.getElementById("unfold").addEventListener("click", event => {
  const all = view.unfolded.size < view.groups.length;
  view.unfolded = new Set(all ? view.groups.map(group => group.name) : []);
  event.target.textContent = all ? "Fold all" : "Unfold all";
  arrange();
  draw();
});

document.getElementById("upkeep").addEventListener("click", event => {
  view.upkeep = !view.upkeep;
  event.target.setAttribute("aria-pressed", String(view.upkeep));
  show();
});

document.getElementById("find").addEventListener("click", event => {
  view.find = !view.find;
  event.target.setAttribute("aria-pressed", String(view.find));
  show();
  filter.focus();
  if (view.find && view.typed) seek(1);
});

document.getElementById("help").addEventListener("click", event => {
  helpbox.hidden = !helpbox.hidden;
  event.target.setAttribute("aria-expanded", String(!helpbox.hidden));
});

for (const [typed, words] of HELP) {
  const button = make("button", "button", typed);
  button.type = "button";
  button.addEventListener("click", () => setFilter(typed));
  const line = make("p");
  line.append(button, words);
  helpbox.append(line);
}
helpbox.append(make("p", "keys", "Keys: / filter, ↑ ↓ or k j move, n N next and previous hit, p request or answer, Esc close"));

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === filter) {
    if (event.key === "Escape" || event.key === "Enter" && !view.find) { filter.blur(); scroller.focus(); }
    else if (event.key === "Enter") seek(event.shiftKey ? -1 : 1);
    return;
  }
  const act = {
    "/": () => { filter.focus(); filter.select(); },
    ArrowDown: () => step(1), j: () => step(1), ArrowUp: () => step(-1), k: () => step(-1),
    p: () => view.selected >= 0 && rows.pair[view.selected] >= 0 && select(rows.pair[view.selected], true),
    n: () => seek(1), N: () => seek(-1),
    Escape: () => select(-1),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});

document.getElementById("upkeep").setAttribute("aria-pressed", "true");
/* Many devices at once are a thicket in the order of time: begin with them sorted, the first one unfolded. */
if (data.devices.length > 1 && COUNT > 100) {
  view.order = "device";
  view.unfolded.add(0);
}
drawOrder();
show();
const asked = /^#(\d+)$/.exec(location.hash);
if (asked && Number(asked[1]) < COUNT) select(Number(asked[1]), true);
indexInBackground(() => { document.documentElement.dataset.indexed = "yes"; if (view.typed) show(); });

/* For tests and for the console. */
window.ladder = {data, view, treeOf, setFilter, select, inflated, rowsInPage: () => inPage.size};
document.documentElement.dataset.painted = String(Math.round(performance.now()));
