/* Messages over time, as a strip of bars: good ones up to full height, bad ones in front of them. */

const overview = document.getElementById("overview");
const whole = Math.max(1, COUNT ? times[COUNT - 1] : 1);

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function drawOverview() {
  const width = overview.clientWidth, height = 44, ratio = window.devicePixelRatio || 1;
  overview.width = width * ratio;
  overview.height = height * ratio;
  const context = overview.getContext("2d");
  context.scale(ratio, ratio);
  const step = 4, bins = Math.max(1, Math.floor((width - 32) / step));
  const all = new Float64Array(bins), shown = new Float64Array(bins), bad = new Float64Array(bins);
  const bin = i => Math.min(bins - 1, Math.floor(times[i] / whole * bins));
  for (let i = 0; i < COUNT; i++) all[bin(i)]++;
  for (const i of view.shown) { shown[bin(i)]++; if (BAD.has(verdict[i]) || worst[i] === 3) bad[bin(i)]++; }
  const tallest = Math.max(1, ...all), floor = height - 6;
  const bars = (counts, fill) => {
    context.fillStyle = fill;
    counts.forEach((count, at) => {
      if (!count) return;
      const tall = Math.max(2, Math.sqrt(count / tallest) * (height - 14));
      context.beginPath();
      context.roundRect(16 + at * step, floor - tall, step - 1, tall, 1);
      context.fill();
    });
  };
  bars(all, colour("rule"));
  bars(shown, colour("bar"));
  bars(bad, colour("failure"));
  drawWindow(context, width, height);
}

/* The part of the time that is in view. */
function drawWindow(context, width, height) {
  const seen = [...inPage.keys()].filter(at => view.kinds[at] === MESSAGE && at * ROW >= scroller.scrollTop - ROW
    && at * ROW <= scroller.scrollTop + scroller.clientHeight).map(at => times[view.refs[at]]);
  if (!seen.length) return;
  const at = time => 16 + time / whole * (width - 32);
  const left = at(Math.min(...seen)), right = Math.max(at(Math.max(...seen)), left + 3);
  context.fillStyle = colour("window");
  context.strokeStyle = colour("accent");
  context.beginPath();
  context.roundRect(left - 2, 3.5, right - left + 4, height - 7, 3);
  context.fill();
  context.stroke();
}

function goTo(clientX) {
  const box = overview.getBoundingClientRect();
  const time = (clientX - box.left - 16) / (box.width - 32) * whole;
  let best = -1, near = Infinity;
  for (const i of view.shown) {
    const away = Math.abs(times[i] - time);
    if (away < near && view.place.has(i)) { near = away; best = i; }
  }
  if (best >= 0) scroller.scrollTop = view.place.get(best) * ROW - scroller.clientHeight / 2;
}

overview.addEventListener("pointerdown", event => {
  overview.setPointerCapture(event.pointerId);
  goTo(event.clientX);
});
overview.addEventListener("pointermove", event => { if (event.buttons & 1) goTo(event.clientX); });
