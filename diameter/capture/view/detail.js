/* The message that was clicked: what it is, its AVPs as a tree, its octets beside them. */

const detail = document.getElementById("detail");
const SHOWN_OCTETS = 4096;

async function open(i) {
  view.selected = i;
  history.replaceState(null, "", "#" + i);
  detail.hidden = false;
  document.body.classList.add("with-detail");
  if (!octets) await inflated;
  if (view.selected !== i) return;
  const {list, tail} = treeOf(i);
  detail.replaceChildren(heading(i), ...partner(i), ...findingsBox(i), facts(i), tree(i, list, tail), dump(i, list));
  detail.scrollTop = 0;
}

function close() {
  view.selected = -1;
  history.replaceState(null, "", location.pathname + location.search);
  detail.hidden = true;
  document.body.classList.remove("with-detail");
}

function heading(i) {
  const box = make("header");
  const [short, name] = data.kinds[rows.kind[i]];
  const words = make("div");
  words.append(make("h2", "", /^\d+$/.test(name) ? "Command " + name : name));
  const route = make("p", "route");
  route.append(data.participants[rows.source[i]], make("span", "", " → "), data.participants[rows.destination[i]]);
  words.append(route);
  const shut = make("button", "button round", "×");
  shut.type = "button";
  shut.title = "Close (Esc)";
  shut.addEventListener("click", () => select(-1));
  box.append(make("span", "badge " + data.outcomes[verdict[i]], short), words, shut);
  return box;
}

function partner(i) {
  const pair = rows.pair[i], box = make("p", "pair");
  if (pair < 0) {
    box.append(make("span", REQUEST[i] ? "failure" : "soft", REQUEST[i] ? "No answer in this capture." : "Its request is not in this capture."));
  } else {
    const answer = REQUEST[i] ? pair : i;
    const button = make("button", "link", REQUEST[i] ? "Answered" : "Answers");
    button.type = "button";
    button.title = "Go to the " + (REQUEST[i] ? "answer" : "request") + " (p)";
    button.addEventListener("click", () => select(pair, true));
    const result = rows.result[answer] < 0 ? "" : data.results[rows.result[answer]];
    box.append(button, ` after ${span(latency[answer])} `, make("b", data.outcomes[verdict[answer]], result));
  }
  const only = (label, field, name) => {
    const button = make("button", "button", label), typed = `${field}:"${name}"`;
    button.type = "button";
    button.title = name;
    button.addEventListener("click", () => toggleFilter(typed));
    narrow.append(button);
  };
  const narrow = make("p", "narrow");
  if (rows.session[i] >= 0) only("Only this session", "session", data.sessions[rows.session[i]]);
  if (rows.device[i] >= 0) only("Only this device", "device", data.devices[rows.device[i]]);
  return [box, narrow];
}

function facts(i) {
  const head = octetsOf(i), flags = head.length > 4 ? head[4] : 0;
  const id = at => head.length >= at + 4 ? "0x" + hex(head.subarray(at, at + 4)) : "cut off";
  const names = ["R request", "P proxiable", "E error", "T retransmitted"];
  const set = names.filter((_, at) => flags & 0x80 >> at).map(name => name.slice(2)).join(", ");
  const [transport, source, destination] = data.links[rows.link[i]];
  const application = applicationOf(i), number = String(data.kinds[rows.kind[i]][2]);
  const table = make("dl");
  const line = (name, value) => table.append(make("dt", "", name), make("dd", "", value));
  line("Time", clock(times[i]) + (rows.frame[i] ? `, frame ${rows.frame[i]}` : ""));
  line("Application", application === number ? number : `${application} ${number}`);
  line("Flags", [flags & 0x80 ? "" : "answer", set].filter(Boolean).join(", "));
  line("Identifiers", `hop-by-hop ${id(12)}, end-to-end ${id(16)}`);
  line("Link", `${transport} ${source} → ${destination}`);
  return table;
}

/* ---- AVPs ---- */

function tree(i, list, tail) {
  const box = make("section", "tree");
  const bar = make("div", "bar");
  bar.append(make("h3", "", amount(list.length, "AVP")), copier("Copy tree", () => treeText(list, 0)),
    copier("Copy octets", () => hex(octetsOf(i))));
  const faulty = new Map((data.findings[i] || []).map(one => [one[0], one[1]]));
  box.append(bar, branch(list, faulty));
  if (tail.length) box.append(make("p", "failure", `${tail.length} octets that are no AVP: ${hex(tail.subarray(0, 64))}`));
  return box;
}

function branch(list, faulty) {
  const box = make("ul");
  for (const node of list) {
    const item = make("li");
    const line = make("div", "avp");
    line.dataset.offset = node.offset;
    line.append(make("span", "name", node.name));
    const letters = (node.flags & 0x80 ? "V" : "") + (node.flags & 0x40 ? "M" : "") + (node.flags & 0x20 ? "P" : "");
    const value = make("span", "value" + (/^(?:OctetString|)$/.test(node.kind) ? " octets" : "") + (/\s/.test(node.value) ? "" : " token"), node.value);
    const code = make("span", "code", (node.vendor ? `${node.code}/${node.vendor}` : String(node.code)) + " " + letters);
    code.title = `${node.kind || "unknown AVP"}, ${amount(node.length, "octet")} at ${node.offset}`;
    line.append(value, code);
    if (faulty.has(node.offset)) { line.classList.add("faulty"); line.title = faulty.get(node.offset); }
    line.addEventListener("click", () => mark(node.offset));
    line.addEventListener("pointerenter", () => glow(node.offset, node.length));
    item.append(line);
    if (node.members) {
      line.classList.add("grouped");
      item.append(branch(node.members, faulty));
      line.addEventListener("dblclick", () => item.classList.toggle("folded"));
    }
    box.append(item);
  }
  return box;
}

function treeText(list, depth) {
  return list.map(node => "  ".repeat(depth) + node.name + (node.value ? " " + node.value : "") + "\n" +
    (node.members ? treeText(node.members, depth + 1) : "")).join("");
}

function copier(label, content) {
  const button = make("button", "link", label);
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(content());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  });
  return button;
}

/* ---- octets ---- */

function dump(i, list) {
  const message = octetsOf(i), box = make("section", "dump");
  box.append(make("h3", "", amount(message.length, "octet")));
  const spans = [];
  const flatten = nodes => { for (const node of nodes) { spans.push(node); if (node.members) flatten(node.members); } };
  flatten(list);
  const owner = new Int32Array(message.length).fill(-1);
  for (const node of spans) owner.fill(node.offset, node.offset, Math.min(message.length, node.offset + node.length));
  const lines = make("div", "lines");
  for (let at = 0; at < Math.min(message.length, SHOWN_OCTETS); at += 16) {
    const line = make("div", "line"), codes = make("span", "codes"), letters = make("span", "letters");
    line.append(make("span", "at", at.toString(16).padStart(4, "0")), codes, letters);
    for (let k = at; k < Math.min(at + 16, message.length); k++) {
      const octet = message[k], printable = octet > 31 && octet < 127;
      for (const [parent, shown] of [[codes, HEX[octet]], [letters, printable ? String.fromCharCode(octet) : "·"]]) {
        const cell = make("i", k < 20 ? "head" : "", shown);
        cell.dataset.at = k;
        cell.dataset.owner = owner[k];
        parent.append(cell);
      }
    }
    lines.append(line);
  }
  lines.addEventListener("click", event => {
    const offset = Number(event.target.dataset?.owner ?? -1);
    if (offset >= 0) mark(offset);
  });
  box.append(lines);
  if (message.length > SHOWN_OCTETS) box.append(make("p", "soft", `and ${message.length - SHOWN_OCTETS} more`));
  return box;
}

function glow(offset, length, kind = "glow") {
  for (const cell of detail.querySelectorAll(`.lines .${kind}`)) cell.classList.remove(kind);
  for (const cell of detail.querySelectorAll(".lines i"))
    if (cell.dataset.at >= offset && cell.dataset.at < offset + length) cell.classList.add(kind);
}

/* Mark one AVP in tree and octets, and bring both into view. */
function mark(offset) {
  for (const line of detail.querySelectorAll(".avp.marked")) line.classList.remove("marked");
  const line = detail.querySelector(`.avp[data-offset="${offset}"]`);
  if (line) {
    line.classList.add("marked");
    line.scrollIntoView({block: "nearest"});
  }
  glow(offset, lengthAt(view.selected, offset), "marked");
  detail.querySelector(`.lines i[data-at="${offset}"]`)?.scrollIntoView({block: "nearest"});
}
