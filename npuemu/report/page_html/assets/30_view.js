// The time axis that all drawings share, numbers in words, and colours of the style sheet.

const GUTTER = 118;      // pixels left of the time axis, for names
const HOLDERS = 12;      // colours of holders of memory
const CLOSEST = 24;      // fewest cycles in view
const FAR = 1500;        // most cycles in view around a short event that is jumped to

/** The cycles in view, [first, last), inside [low, high); tells its listeners of changes. */
class View {
  constructor(low, high) {
    Object.assign(this, { low, high, first: low, last: high, width: 1000, listeners: [] });
  }

  /** Pixel of a cycle, and cycle of a pixel; from the left edge of a canvas. */
  x(time) {
    return GUTTER + ((time - this.first) * this.width) / (this.last - this.first);
  }

  time(x) {
    return this.first + ((x - GUTTER) * (this.last - this.first)) / this.width;
  }

  /** Cycles of a pixel. */
  get step() {
    return (this.last - this.first) / this.width;
  }

  /** Show [first, last), held inside the run. */
  show(first, last) {
    const long = Math.min(this.high - this.low, Math.max(CLOSEST, last - first));
    const middle = (first + last) / 2;
    this.first = Math.min(Math.max(this.low, last - first < CLOSEST ? middle - long / 2 : first),
      this.high - long);
    this.first = Math.max(this.low, this.first);
    this.last = this.first + long;
    this.changed();
  }

  /** Scale the cycles in view by `factor` with `time` where it is. */
  zoom(factor, time) {
    const long = this.last - this.first;
    const next = Math.min(this.high - this.low, Math.max(CLOSEST, long * factor));
    const share = (time - this.first) / long;
    this.show(time - share * next, time + (1 - share) * next);
  }

  pan(cycles) {
    const moved = Math.min(Math.max(cycles, this.low - this.first), this.high - this.last);
    this.show(this.first + moved, this.last + moved);
  }

  fit() {
    this.show(this.low, this.high);
  }

  /** Bring [start, stop) into view; from afar also zoom in. */
  reveal(start, stop) {
    const wanted = Math.max(FAR, 30 * (stop - start));
    const next = Math.min(this.last - this.first, wanted);
    if (start >= this.first && stop <= this.last && next === this.last - this.first) return;
    const long = Math.max(next, 2 * (stop - start));
    const middle = (start + stop) / 2;
    this.show(middle - long / 2, middle + long / 2);
  }

  changed() {
    for (const listener of this.listeners) listener();
  }
}

/** Integers with thousands separators. */
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
function count(value) {
  return grouped.format(value);
}

function hex(value) {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}

function bytes(value) {
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let i = -1;
  while (scaled >= 1024 && i < units.length - 1) {
    scaled /= 1024;
    i++;
  }
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${units[i]}`;
}

/** A time of `cycles` at `mhz`. */
function duration(cycles, mhz) {
  const us = cycles / mhz;
  if (us < 1) return `${(us * 1000).toFixed(1)} ns`;
  return us < 1000 ? `${us.toFixed(3)} \u00b5s` : `${(us / 1000).toFixed(3)} ms`;
}

/** A round step with at most `most` of them in `span`. */
function roundStep(span, most) {
  const raw = Math.max(1, span / most);
  const unit = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((m) => m * unit).find((step) => step >= raw);
}

/** Colours of the style sheet, read anew when the scheme changes. */
class Palette {
  constructor(kinds, causes) {
    this.names = { kinds, causes };
    this.read();
  }

  read() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(`--${name}`).trim();
    this.kinds = this.names.kinds.map(([name]) => value(`k-${name}`));
    this.causes = this.names.causes.map((name) => value(name.startsWith("flag") ? "c-flag" : `c-${name}`));
    for (const name of ["text", "muted", "line", "panel", "page", "strong", "accent", "mark", "band", "on-slice", "on-stall"]) {
      this[name] = value(name);
    }
    this.holders = Array.from({ length: HOLDERS }, (_, i) => value(`h-${i}`));
  }

  /** Colour of a kind of span. */
  of(kind) {
    return kind >= STALL ? this.causes[kind - STALL] : this.kinds[kind];
  }

  holder(label) {
    return this.holders[label % this.holders.length];
  }
}

/** A canvas as large as its element, sharp on every screen; null while it has no size. */
function prepared(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (!w || !h) return null;
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** An element with properties, attributes (`data-...`, `aria-...`, `for`) and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}
