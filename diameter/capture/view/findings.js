/* What `check` found: marks on the arrows, a box in the detail, counts at the top. */

const SEVERITIES = ["", "note", "warning", "error"];
const SEVERITY = data.rules.map(rule => SEVERITIES.indexOf(rule[1]));
const worst = new Uint8Array(COUNT);
for (const [i, found] of Object.entries(data.findings))
  for (const [, , rule] of found) worst[i] = Math.max(worst[i], SEVERITY[rule]);

/* Header fields by offset: how many octets to mark. */
const FIELDS_AT = {0: 1, 1: 3, 4: 1, 5: 3, 8: 4, 12: 4, 16: 4};

function badgeOf(i) {
  const found = data.findings[i], severity = SEVERITIES[worst[i]];
  const badge = make("span", "mark " + severity, severity === "note" ? "i" : found.length > 1 ? String(found.length) : "!");
  badge.title = found.map(([, text, rule]) => `${data.rules[rule][0]}: ${text}`).join("\n");
  return badge;
}

function findingsBox(i) {
  const found = data.findings[i];
  if (!found) return [];
  const box = make("ul", "findings");
  const list = found.toSorted ? found.toSorted(worse) : [...found].sort(worse);
  for (const [offset, text, rule] of list) {
    const [name, severity, clause, words] = data.rules[rule];
    const line = make("li", severity);
    const head = make("div", "head");
    const only = make("button", "link", name);
    only.type = "button";
    only.title = words + "\nClick to see only messages with this.";
    only.addEventListener("click", event => { event.stopPropagation(); toggleFilter("rule:" + name); });
    head.append(make("b", "", severity), only, make("span", "clause", clause));
    line.append(head, make("div", "", text));
    if (offset >= 0) {
      line.classList.add("placed");
      line.title = "Show it in the octets";
      line.addEventListener("click", () => mark(offset));
      line.addEventListener("pointerenter", () => glow(offset, lengthAt(i, offset)));
    }
    box.append(line);
  }
  return [box];
}

function worse(a, b) {
  return SEVERITY[b[2]] - SEVERITY[a[2]];
}

/* Octets of the AVP or header field at this offset. */
function lengthAt(i, offset) {
  if (offset < 20) return FIELDS_AT[offset] || 1;
  const message = octetsOf(i);
  return offset + 8 <= message.length ? number(message, offset + 5, 3) : message.length - offset;
}

/* [words, class, filter] of each severity that occurs. */
function findingChips() {
  const counts = [0, 0, 0, 0];
  for (const found of Object.values(data.findings)) for (const [, , rule] of found) counts[SEVERITY[rule]]++;
  return [3, 2, 1].filter(at => counts[at]).map(at => [amount(counts[at], SEVERITIES[at]), SEVERITIES[at], "is:" + SEVERITIES[at]]);
}
