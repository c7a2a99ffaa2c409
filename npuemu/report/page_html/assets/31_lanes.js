// Spans as pixels. What is wider than a pixel is drawn by itself; all that falls into one pixel
// becomes one column, stacked by kind in proportion to its cycles. So a drawing costs what the
// screen has in pixels, not what the run has in instructions.

const WIDE = 1.5;        // pixels from which on a span is drawn by itself
const LETTER = 6.1;      // width of a letter of a label, about
let rectangles = 0;      // drawn since the last reset

function fill(context, color, x, y, width, height) {
  context.fillStyle = color;
  context.fillRect(x, y, width, height);
  rectangles++;
}

/** Text inside a slice, if three letters of it fit. */
function label(context, color, text, left, right, middle) {
  const letters = Math.floor((right - left - 6) / LETTER);
  if (letters < 3) return;
  context.fillStyle = color;
  context.fillText(text.length > letters ? `${text.slice(0, letters - 1)}\u2026` : text, left + 3, middle);
}

/** Draws tracks of spans into one canvas. */
class LanePainter {
  constructor(model, view, palette) {
    Object.assign(this, { model, view, palette });
  }

  /** The spans in view between y and y + height; with labels where `labels` is true. */
  draw(context, spans, y, height, labels) {
    const { view } = this;
    const edge = GUTTER + view.width;
    const { start, stop, kind, count: n } = spans;
    let i = Math.max(0, firstAbove(start, view.first, 0, n) - 1);
    while (i < n && stop[i] <= view.first) i++;
    while (i < n && start[i] < view.last) {
      const left = Math.max(GUTTER, view.x(start[i]));
      const right = Math.min(edge, view.x(stop[i]));
      if (right - left >= WIDE) {
        if (kind[i] === MIXED) this._column(context, spans, i, i + 1, left, right - left, stop[i] - start[i], y, height);
        else this._slice(context, spans, i, left, right, y, height, labels);
        i++;
        continue;
      }
      const pixel = Math.floor(left);
      let j = firstAbove(start, view.time(pixel + 1), i + 1, n);
      if (j - 1 > i && view.x(stop[j - 1]) - pixel - 1 >= WIDE) j--;
      this._column(context, spans, i, j, pixel, 1, view.step, y, height);
      i = j;
    }
  }

  _slice(context, spans, i, left, right, y, height, labels) {
    const kind = spans.kind[i];
    const color = this.palette.of(kind);
    const gap = right - left > 4 ? 0.6 : 0;
    if (kind >= STALL) {
      const inset = height > 12 ? 3 : 1;
      fill(context, color, left, y + inset, right - left - gap, height - 2 * inset);
      if (labels) label(context, this.palette["on-stall"], stallText(this.model, kind), left, right, y + height / 2);
      return;
    }
    fill(context, color, left, y, right - left - gap, height);
    const event = spans.event[i];
    if (event !== NO_EVENT && right - left > 6) this._ends(context, spans, i, event, y, height);
    if (!labels) return;
    const name = event === NO_EVENT ? "scalar" : this.model.nameOf(event);
    label(context, this.palette["on-slice"], name, left, right, y + height / 2);
  }

  /** Head and tail of an instruction, paler than its work. */
  _ends(context, spans, i, event, y, height) {
    const { model, view } = this;
    const edge = GUTTER + view.width;
    const pale = (from, to) => {
      const [a, b] = [Math.max(GUTTER, view.x(from)), Math.min(edge, view.x(to))];
      if (b > a + 0.5) fill(context, "rgba(255,255,255,0.32)", a, y, b - a, height);
    };
    if (spans.start[i] < model.start[event] + model.head[event]) {
      pale(Math.max(spans.start[i], model.start[event]), model.start[event] + model.head[event]);
    }
    pale(Math.max(spans.start[i], model.free[event]), spans.stop[i]);
  }

  /** Spans i .. j-1 as one column of `cycles`: work from below, stalls above it. */
  _column(context, spans, i, j, x, width, cycles, y, height) {
    let level = y + height;
    for (const [kind, sum] of spans.sums) {
      const share = Math.min((sum[j] - sum[i]) / cycles, 1) * height;
      if (share <= 0) continue;
      const tall = Math.min(Math.max(share, 0.3), level - y);
      if (tall <= 0) break;
      fill(context, this.palette.of(kind), x, level - tall, width, tall);
      level -= tall;
    }
  }
}

/** What a stall waits for, short. */
function stallText(model, kind) {
  const cause = model.causes[kind - STALL];
  if (cause.startsWith("flag_")) return `waits for ${cause.slice(5)}`;
  return cause.replaceAll("_", " ");
}

/** Cycles at round numbers in view, and the time they are at. */
function drawRuler(context, view, palette, mhz, height) {
  const step = roundStep(view.last - view.first, view.width / 110);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = palette.muted;
  context.fillText("cycles", 8, height - 24);
  context.fillText(mhz ? `time at ${count(mhz)} MHz` : "", 8, height - 9);
  for (let t = Math.ceil(view.first / step) * step; t <= view.last; t += step) {
    const x = view.x(t);
    context.fillStyle = palette.line;
    context.fillRect(x, height - 32, 1, 32);
    const last = x > GUTTER + view.width - 60;
    context.textAlign = last ? "right" : "left";
    context.fillStyle = palette.text;
    context.fillText(count(t), x + (last ? -4 : 4), height - 24);
    context.fillStyle = palette.muted;
    if (mhz) context.fillText(duration(t, mhz), x + (last ? -4 : 4), height - 9);
  }
}
