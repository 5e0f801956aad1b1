/* Octets of one message to a tree of AVPs (RFC 6733 section 4).  Values read as in text.py. */

const HEX = Array.from({length: 256}, (_, octet) => octet.toString(16).padStart(2, "0"));
const UTF8 = new TextDecoder("utf-8", {fatal: true});
const TBCD_DIGITS = "0123456789*#abc";
const DEEPEST = 48;

function hex(bytes) {
  let out = "";
  for (const octet of bytes) out += HEX[octet];
  return out;
}

function number(bytes, start, count) {
  let out = 0;
  for (let i = start; i < start + count; i++) out = out * 256 + bytes[i];
  return out;
}

/* AVPs between `start` and `end` of `bytes`; {list, tail}, tail = octets that are no AVP.  `base` is the start of the
   message, so that offsets count from there. */
function avpsOf(bytes, start, end, base, definitions, depth) {
  const list = [];
  while (start + 8 <= end) {
    const flags = bytes[start + 4], length = number(bytes, start + 5, 3);
    const head = flags & 0x80 ? 12 : 8;
    if (length < head || start + length > end) break;
    const code = number(bytes, start, 4), vendor = head === 12 ? number(bytes, start + 8, 4) : 0;
    const definition = definitions(vendor + ":" + code);
    const node = {
      offset: start - base, length, head, code, vendor, flags,
      name: definition ? definition[0] : vendor ? vendor + ":" + code : String(code),
      kind: definition ? definition[1] : "", value: "", members: null,
    };
    const data = bytes.subarray(start + head, start + length);
    if (node.kind === "Grouped" && depth < DEEPEST) {
      const inner = avpsOf(bytes, start + head, start + length, base, definitions, depth + 1);
      node.members = inner.list;
      if (inner.tail.length) node.value = `and ${inner.tail.length} octets that are no AVP: ${hex(inner.tail)}`;
    } else {
      node.value = valueText(data, definition);
    }
    list.push(node);
    start = Math.min(end, start + length + (-length & 3));
  }
  return {list, tail: bytes.subarray(start, end)};
}

function valueText(data, definition) {
  if (data.length > 2 && data.every(octet => octet === 42)) return "(masked)";
  const kind = definition ? definition[1] : "";
  const read = VALUES[kind];
  const value = read ? read(data) : null;
  if (value === null) return OCTETS.has(kind) ? octetsText(data) : `${hex(data)} (no ${kind})`;
  if (definition[2] && /^(Enum|Unsig|Integ)/.test(kind)) return named(value, definition);
  return value;
}

function named(value, definition) {
  const names = definition[2];
  if (!definition[3]) return value in names ? `${names[value]} (${value})` : value;
  const set = [];
  for (let bit = 0n, rest = BigInt(value); rest > 0n; bit++, rest >>= 1n)
    if (rest & 1n) set.push(names[bit] || "bit " + bit);
  return set.length ? `${set.join(" | ")} (0x${BigInt(value).toString(16)})` : "0";
}

function octetsText(data) {
  if (!data.length) return "(empty)";
  if (data.length > 3 && data.every(octet => octet >= 32 && octet < 127))
    return `${hex(data)} "${String.fromCharCode(...data.subarray(0, 4096))}"`;
  return hex(data);
}

function text(data) {
  let plain = true;
  for (const octet of data) if (octet < 32 || octet > 126) { plain = false; break; }
  if (plain && data.length < 4096) return quoted(String.fromCharCode.apply(null, data));
  try {
    return quoted(UTF8.decode(data));
  } catch { return null; }
}

/* In quotes, as Python writes it, what could not be told from something else without. */
function quoted(out) {
  if (out && out === out.trim() && !/^['"]|[\x00-\x1f\x7f]/.test(out)) return out;
  const quote = out.includes("'") && !out.includes('"') ? '"' : "'";
  const short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"};
  const escaped = out.replaceAll("\\", "\\\\").replaceAll(quote, "\\" + quote);
  return quote + escaped.replace(/[\x00-\x1f\x7f]/g, c => short[c] || "\\x" + HEX[c.charCodeAt(0)]) + quote;
}

function identity(data) {
  return data.length && data.every(octet => octet < 128 && octet !== 32) ? text(data) : null;
}

function tbcd(data) {
  const halves = [];
  for (const octet of data) halves.push(octet & 15, octet >> 4);
  if (halves[halves.length - 1] === 15) halves.pop();
  return halves.includes(15) ? "" : halves.map(half => TBCD_DIGITS[half]).join("");
}

function integer(size, signed) {
  return data => {
    if (data.length !== size) return null;
    const view = new DataView(data.buffer, data.byteOffset, size);
    if (size === 4) return String(signed ? view.getInt32(0) : view.getUint32(0));
    return String(signed ? view.getBigInt64(0) : view.getBigUint64(0));
  };
}

function float(size) {
  return data => {
    if (data.length !== size) return null;
    const view = new DataView(data.buffer, data.byteOffset, size);
    const value = size === 4 ? view.getFloat32(0) : view.getFloat64(0);
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    return Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : String(value);
  };
}

function address(data) {
  if (data.length < 2) return null;
  const family = data[0] << 8 | data[1], rest = data.subarray(2);
  if (family === 1) return rest.length === 4 ? rest.join(".") : null;
  if (family === 2) return rest.length === 16 ? ipv6(rest) : null;
  if (family === 0 || family === 65535) return null;
  if (family === 8) return /^\+?[0-9]{1,15}$/.test(text(rest) || "") ? "e164:" + text(rest) : null;
  return family + ":" + hex(rest);
}

/* RFC 5952: the longest run of zero groups becomes "::". */
function ipv6(data) {
  const groups = [];
  for (let i = 0; i < 16; i += 2) groups.push((data[i] << 8 | data[i + 1]).toString(16));
  let best = 0, at = -1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === "0") run++;
    if (run > best) { best = run; at = i; }
  }
  if (best < 2) return groups.join(":");
  return groups.slice(0, at).join(":") + "::" + groups.slice(at + best).join(":");
}

/* Seconds since 1900, or since 2036 while the first bit is clear (RFC 6733 section 4.3.1). */
function time(data) {
  if (data.length !== 4) return null;
  const seconds = number(data, 0, 4);
  const since1970 = seconds - 2208988800 + (seconds < 2 ** 31 ? 2 ** 32 : 0);
  return new Date(since1970 * 1000).toISOString().replace(".000Z", "Z");
}

const VALUES = {
  UTF8String: text, DiameterIdentity: identity, DiameterURI: text, IPFilterRule: text, QoSFilterRule: text,
  Integer32: integer(4, true), Enumerated: integer(4, true), Unsigned32: integer(4, false),
  Integer64: integer(8, true), Unsigned64: integer(8, false), Float32: float(4), Float64: float(8),
  Address: address, Time: time,
  TBCD: data => tbcd(data) || null,
  AddressField: data => {
    const digits = data.length > 2 ? tbcd(data.subarray(2)) : "";
    if (!digits) return null;
    const plus = (data[1] & 0x70) === 0x10;
    const whole = data[0] === digits.length && data[1] === (plus ? 0x91 : 0x81);
    return (plus ? "+" : "") + digits + (whole ? "" : " " + hex(data));
  },
};
const OCTETS = new Set(["", "OctetString", "Grouped", "TBCD", "AddressField"]);
