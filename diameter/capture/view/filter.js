/* What is typed into the filter box, as tests of one message.  Words are joined by "and"; "-" in front negates. */

const HELP = [
  ["DAR", "a command, or any text in a message or in its partner"],
  ["is:failed", "also ok, declined, unanswered, request, answer, repeated"],
  ["is:error", "what check found; also is:warning, is:note, is:faulty, rule:…"],
  ["host:hss", "from or to a participant; also from: and to:"],
  ["result:5001", "a result by number or name"],
  ["app:T4", "an application; also via:tls, session:…, device:…"],
  ["Reference-Number=17", "an AVP with exactly this value"],
  ["latency>20ms", "answers that took longer; also <"],
  ["-DWR", "everything but"],
];

const IS = {
  failed: i => BAD.has(verdict[i]),
  ok: i => verdict[i] === SUCCESS,
  declined: i => verdict[i] === DECLINED,
  unanswered: i => verdict[i] === UNANSWERED,
  request: i => REQUEST[i],
  answer: i => !REQUEST[i],
  faulty: i => worst[i] > 0,
  error: i => worst[i] === 3,
  warning: i => has(i, 2),
  note: i => has(i, 1),
  repeated: i => rows.again[i] > 0,
};

function has(i, severity) {
  return worst[i] >= severity && data.findings[i].some(one => SEVERITY[one[2]] === severity);
}

const FIELDS = {
  host: i => data.participants[rows.source[i]] + "\n" + data.participants[rows.destination[i]],
  from: i => data.participants[rows.source[i]],
  to: i => data.participants[rows.destination[i]],
  cmd: i => data.kinds[rows.kind[i]].slice(0, 2).join("\n"),
  app: i => applicationOf(i),
  result: i => {
    const answer = REQUEST[i] ? rows.pair[i] : i;
    return answer < 0 || rows.result[answer] < 0 ? "" : data.results[rows.result[answer]];
  },
  session: i => rows.session[i] < 0 ? "" : data.sessions[rows.session[i]],
  device: i => rows.device[i] < 0 ? "" : data.devices[rows.device[i]],
  via: i => data.links[rows.link[i]][0],
  rule: i => (data.findings[i] || []).map(one => data.rules[one[2]][0]).join("\n"),
  frame: i => String(rows.frame[i]),
};

function wordsOf(typed) {
  return typed.toLowerCase().match(/(?:[^\s"]+|"[^"]*"?)+/g) || [];
}

/* One word as a function of a row index. */
function testOf(word) {
  if (word.length > 1 && word[0] === "-") {
    const test = testOf(word.slice(1));
    return i => !test(i);
  }
  const bare = word.replaceAll('"', "");
  const took = /^latency([<>])([\d.]+)(us|µs|ms|s)?$/.exec(bare);
  if (took) {
    const limit = Number(took[2]) * {us: 1, "µs": 1, ms: 1e3, s: 1e6}[took[3] || "ms"];
    return took[1] === ">" ? i => latency[i] > limit : i => latency[i] >= 0 && latency[i] < limit;
  }
  const colon = bare.indexOf(":"), field = colon > 0 ? bare.slice(0, colon) : "", rest = bare.slice(colon + 1);
  if (field === "is") return IS[rest] || (() => false);
  if (field && Object.hasOwn(FIELDS, field)) return i => FIELDS[field](i).toLowerCase().includes(rest);
  const equals = bare.indexOf("=");
  if (equals > 0) {
    const line = "\n" + bare, end = line + "\n", numbered = `(${bare.slice(equals + 1)})\n`;
    const name = "\n" + bare.slice(0, equals + 1);
    return i => {
      if (!deepReady(i)) return false;
      const all = deepText(i), at = all.indexOf(name);
      if (at < 0) return false;
      if (all.includes(end) || all.includes(line + " (")) return true;
      const stop = all.indexOf("\n", at + 1);
      return all.slice(at, stop + 1).endsWith(numbered);
    };
  }
  const inside = i => i >= 0 && deepReady(i) && deepText(i).includes(bare);
  return i => shallowText(i).includes(bare) || inside(i) || inside(rows.pair[i]);
}

function filterOf(typed) {
  const tests = wordsOf(typed).map(testOf);
  return i => {
    for (const test of tests) if (!test(i)) return false;
    return true;
  };
}
