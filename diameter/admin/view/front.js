const SHOWN = 500, STEPS = 60, OFTEN_MS = 2000, SELDOM_MS = 6000;
const APPLICATIONS = JSON.parse(document.getElementById("applications").textContent);
const NAMES = {
  requests_in: "requests in", answers_out: "answers out", requests_out: "requests out", answers_in: "answers in",
  relayed: "relayed", timeouts: "timeouts", undeliverable: "undeliverable",
};
const one = (id) => document.getElementById(id);
const node = (name, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
const many = (number) => number.toLocaleString("en-US");
const fill = (id, children) => one(id).replaceChildren(...children);
const row = (cells, numbers) => {
  const made = node("tr");
  cells.forEach((cell, at) => made.append(node("td", cell, numbers.includes(at) ? "number" : "")));
  return made;
};
const span = (seconds) => {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
};

let peers = [], before = null;
const series = {};

function health(page) {
  document.title = `${page.origin_host} · Diameter node`;
  one("host").textContent = page.origin_host;
  one("status").textContent = page.status;
  one("status").className = `state ${page.status === "ok" ? "good" : "bad"}`;
  one("uptime").textContent = `up ${span(page.uptime_s)}`;
  one("pending").textContent = `${many(page.peers_usable)} of ${many(page.peers)} peers usable`;
}

function standing(page) {
  const alarms = page.alarms.map((alarm) => {
    const made = node("li", undefined, alarm.severity);
    made.append(node("b", alarm.severity), ` ${alarm.subject}: ${alarm.text}`);
    return made;
  });
  fill("alarms", alarms.length ? alarms : [node("li", "None", "none")]);
  one("queues").tBodies[0].replaceChildren(...page.queues.map((queue) => row([
    queue.name, many(queue.length), queue.limit === null ? "" : many(queue.limit),
    queue.oldest_s === null ? "" : span(queue.oldest_s),
  ], [1, 2, 3])));
  const counts = page.counts.map((count) => {
    const labels = Object.entries(count.labels).map(([name, value]) => `${name} ${value}`).join(", ");
    const made = row([labels || count.text, many(count.value)], [1]);
    made.title = `${count.name}_total: ${count.text}`;
    made.firstChild.prepend(node("span", `${count.name.replaceAll("_", " ")} `, "soft"));
    return made;
  });
  one("counts").tBodies[0].replaceChildren(...(counts.length ? counts : [row(["Nothing yet"], [])]));
  rates(page.traffic);
}

function rates(traffic) {
  const now = performance.now(), last = before;
  before = [now, traffic];
  if (!last) return;
  fill("traffic", Object.entries(traffic).map(([name, value]) => {
    const rate = Math.max(0, value - last[1][name]) * 1000 / (now - last[0]);
    const values = series[name] = [...(series[name] || []), rate].slice(-STEPS);
    const made = node("div");
    made.append(node("dt", NAMES[name] || name), node("dd", rate >= 10 ? many(Math.round(rate)) : rate.toFixed(1)), spark(values));
    made.title = `${many(value)} since the start`;
    return made;
  }));
}

function spark(values) {
  const space = "http://www.w3.org/2000/svg", top = Math.max(1, ...values);
  const svg = document.createElementNS(space, "svg"), line = document.createElementNS(space, "polyline");
  svg.setAttribute("viewBox", `0 0 ${STEPS} 22`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const from = STEPS - values.length;
  line.setAttribute("points", values.map((value, at) => `${from + at},${(21 - 20 * value / top).toFixed(1)}`).join(" "));
  line.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(line);
  return svg;
}

function table() {
  const typed = one("peers-filter").value.trim().toLowerCase();
  const fits = peers.filter((peer) => !typed || [peer.host, peer.realm, peer.state, peer.trouble].join(" ").toLowerCase().includes(typed));
  fits.sort((left, right) => left.usable - right.usable || left.host.localeCompare(right.host));
  one("peers").tBodies[0].replaceChildren(...fits.slice(0, SHOWN).map((peer) => {
    const made = row([
      peer.host, peer.state, peer.transport === null ? "" : `${peer.transport} ${peer.remote || ""}`, peer.names,
      many(peer.outstanding), many(peer.in_work), peer.trouble,
    ], [4, 5]);
    made.children[1].className = peer.usable ? "success" : "failure";
    return made;
  }));
  const shown = Math.min(fits.length, SHOWN);
  one("peers-count").textContent = shown === peers.length ? many(shown) : `${many(shown)} of ${many(peers.length)}`;
}

async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok && answer.status !== 503) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function often() {
  try {
    health(await (await get("/health")).json());
    standing(await (await get("/standing")).json());
  } catch {
    one("status").textContent = "does not answer";
    one("status").className = "state bad";
  }
  document.documentElement.dataset.asked = "";
  later(often, OFTEN_MS);
}

async function seldom() {
  try {
    peers = (await (await get("/peers")).json()).peers.map((peer) => ({ ...peer, names: peer.applications.map((number) => APPLICATIONS[number] || number).join(", ") }));
    table();
    const picture = await (await get("/ladder.svg")).text(), image = one("ladder"), old = image.src;
    const empty = !picture.includes("class=\"arrow\"");
    one("quiet").hidden = !empty;
    image.hidden = empty;
    image.src = URL.createObjectURL(new Blob([picture], { type: "image/svg+xml" }));
    if (old.startsWith("blob:")) URL.revokeObjectURL(old);
    document.documentElement.dataset.drawn = "";
  } catch {
    one("peers-count").textContent = "as they were when the node last answered";
  }
  later(seldom, SELDOM_MS);
}

function later(what, wait) {
  setTimeout(() => (document.hidden ? later(what, wait) : what()), wait);
}

one("peers-filter").addEventListener("input", table);
often();
seldom();
