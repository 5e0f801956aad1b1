/* What happened to the links: notes of the nodes, and what was seen on the wire below Diameter. */

const EVENTS = {
  LINK_UP: "link up", LINK_LOST: "link lost", PEER_OPEN: "open", PEER_OKAY: "okay", PEER_SUSPECT: "suspect",
  PEER_CLOSED: "closed", PEER_LEAVING: "leaving", PEER_REFUSED: "refused",
  TCP_SYN: "SYN", TCP_FIN: "FIN", TCP_RST: "RST", TCP_RETRANSMISSION: "again",
  SCTP_INIT: "INIT", SCTP_INIT_ACK: "INIT ACK", SCTP_ABORT: "ABORT", SCTP_SHUTDOWN: "SHUTDOWN", SCTP_ERROR: "ERROR",
  SCTP_RETRANSMISSION: "again", TLS_ALERT: "TLS alert",
};
const LOST = /LOST|SUSPECT|REFUSED|FAILED|FAULT|CLOSED|BUG|DROPPED|TIMEOUT|RST|ABORT|ALERT|ERROR/;
const ON_THE_WIRE = /^(TCP|SCTP|TLS)_/;
const TELLING = /RST|ABORT|ALERT|ERROR/;

/* Seen on the wire: a thin arrow from who sent it.  Noted by a node: a word at its lifeline. */
function eventRow(event) {
  const [when, name, words, transport, local, remote, source, destination, frame] = event;
  const row = make("div", "row event" + (LOST.test(name) ? " lost" : ""));
  row.append(make("time", "", clock(when - data.start_us).slice(0, -3)));
  const again = name.endsWith("RETRANSMISSION");
  const label = again && words ? words : EVENTS[name] || name.replaceAll("_", " ").toLowerCase();
  const wire = ON_THE_WIRE.test(name) && source >= 0 && destination >= 0 && source !== destination;
  const tag = make("span", "chip", wire ? label : destination < 0 ? label : `${label}: ${firstLabel(data.participants[destination])}`);
  if (wire && words && !again && TELLING.test(name)) tag.append(make("span", "note", words));
  tag.title = [words, transport && `${transport} ${local} → ${remote}`, frame && "frame " + frame].filter(Boolean).join("\n");
  if (wire) {
    const box = make("div", "arrow wire");
    place(box, source, destination);
    box.append(make("i", "line"), make("i", "head"), tag);
    row.append(box);
  } else {
    tag.style.left = (source < 0 ? GUTTER + 60 : view.lanes[source]) + "px";
    row.append(tag);
  }
  return row;
}

/* Between two lifelines, pointing from one to the other. */
function place(box, source, destination) {
  const a = view.lanes[source], b = view.lanes[destination];
  box.classList.add(b < a ? "left" : "right");
  box.style.left = Math.min(a, b) + "px";
  box.style.width = Math.max(Math.abs(b - a), 60) + "px";
}

/* The first label of a host name; an address as it is. */
function firstLabel(name) {
  return /^[\d.:[\]a-f]+$/.test(name) ? name : name.split(".")[0];
}
