// The timeline of pipes: which rows there are, what they show, what lies under the pointer.

const TRACK = 22;
const STRIP = 9;
const HEADING = 20;
const ARROW_ROOM = 14;   // pixels that an arrow needs, so that all of those in view are drawn
const FLOW = ["S", "MTE2", "MTE1", "M", "V", "FIX", "MTE3"];  // pipes as data goes through them

/** Rows of blocks, cores and pipes; folded ones show their busiest pipes as strips. */
class Timeline {
  constructor(app, element) {
    Object.assign(this, { app, element });
    this.scroll = make("div", { className: "scroller", tabIndex: 0 });
    this.scroll.setAttribute("aria-label", "timeline of pipes; w a s d or arrows move, 0 shows all");
    this.space = make("div");
    this.scroll.append(this.space);
    this.canvas = make("canvas", { className: "layer" });
    this.overlay = make("canvas", { className: "layer" });
    element.append(this.scroll, this.canvas, this.overlay);
    this.folded = new Set();
    this._cores();
    this.layout();
    this.scroll.addEventListener("scroll", () => app.schedule());
  }

  _cores() {
    this.cores = new Map();
    for (const track of this.app.model.list) {
      if (!this.cores.has(track.core)) this.cores.set(track.core, []);
      if (track.spans.count) this.cores.get(track.core).push(track);
    }
    for (const tracks of this.cores.values()) {
      tracks.sort((a, b) => FLOW.indexOf(a.pipe) - FLOW.indexOf(b.pipe));
    }
    this.groups = new Map();
    for (const core of this.cores.keys()) {
      const group = Math.floor(core / 3);
      if (!this.groups.has(group)) this.groups.set(group, []);
      this.groups.get(group).push(core);
    }
    [...this.groups.keys()].forEach((group, i) => i > 0 && this.folded.add(`group ${group}`));
    for (const [core, tracks] of this.cores) {
      if (tracks.every((track) => track.pipe === "S")) this.folded.add(`core ${core}`);
    }
  }

  /** The busiest pipe of a core, S only if there is no other. */
  busiest(core) {
    const rank = (track) => (track.pipe === "S" ? -1 : track.spans.busy());
    return this.cores.get(core).reduce((best, track) => (best && rank(best) >= rank(track) ? best : track), null);
  }

  /** All rows with their places, from what is folded. */
  layout() {
    const rows = [];
    for (const [group, cores] of this.groups) {
      const key = `group ${group}`;
      if (this.groups.size > 1) {
        const tracks = cores.map((core) => this.busiest(core)).filter(Boolean);
        if (this.folded.has(key)) {
          rows.push({ kind: "strips", key, label: `block ${group}`, tracks, level: 0, core: cores[0] });
          continue;
        }
        rows.push({ kind: "heading", key, label: `block ${group}`, level: 0, core: cores[0] });
      }
      for (const core of cores) this._coreRows(rows, core);
    }
    let y = 0;
    for (const row of rows) {
      row.y = y;
      row.height = { heading: HEADING, track: TRACK, strips: row.tracks?.length * STRIP + 6 }[row.kind];
      y += row.height;
    }
    this.rows = rows;
    this.content = y + 8;
    this.space.style.height = `${this.content}px`;
  }

  _coreRows(rows, core) {
    const key = `core ${core}`;
    const label = this.app.model.core_names[core];
    const tracks = this.cores.get(core);
    if (this.folded.has(key)) {
      const strips = [this.busiest(core)].filter(Boolean);
      rows.push({ kind: "strips", key, label, tracks: strips, level: 1, core });
      return;
    }
    rows.push({ kind: "heading", key, label, level: 1, core });
    for (const track of tracks) rows.push({ kind: "track", label: track.pipe, track, level: 2, core });
  }

  toggle(key) {
    if (!this.folded.delete(key)) this.folded.add(key);
    this.layout();
    this.app.schedule();
  }

  foldAll(folded) {
    this.folded.clear();
    if (folded) for (const group of this.groups.keys()) this.folded.add(`group ${group}`);
    if (folded && this.groups.size === 1) for (const core of this.cores.keys()) this.folded.add(`core ${core}`);
    this.layout();
    this.app.schedule();
  }

  /** Unfold what hides a track, and scroll to it. */
  show(track) {
    const hidden = [`group ${Math.floor(track.core / 3)}`, `core ${track.core}`].filter((key) => this.folded.delete(key));
    if (hidden.length) this.layout();
    const row = this.rows.find((entry) => entry.track === track);
    if (!row) return;
    const { scrollTop, clientHeight } = this.scroll;
    if (row.y < scrollTop || row.y + row.height > scrollTop + clientHeight) {
      this.scroll.scrollTop = row.y - clientHeight / 2;
    }
  }

  /** Middle of a track on the canvas; of its strip or heading while it is folded away. */
  middle(track) {
    for (const row of this.rows) {
      if (row.track === track) return row.y + row.height / 2 - this.scroll.scrollTop;
      if (row.kind !== "strips") continue;
      const inside = row.key === `core ${track.core}` || row.key === `group ${Math.floor(track.core / 3)}`;
      if (inside) return row.y + row.height / 2 - this.scroll.scrollTop;
    }
    return 0;
  }

  draw() {
    const { view, palette } = this.app;
    const [width, height] = [this.scroll.clientWidth, this.scroll.clientHeight];
    const context = prepared(this.canvas, width, height);
    if (!context) return;
    view.width = Math.max(50, width - GUTTER - 8);
    const painter = new LanePainter(this.app.model, view, palette);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    const top = this.scroll.scrollTop;
    for (const row of this.rows) {
      if (row.y + row.height < top || row.y > top + height) continue;
      this._row(context, painter, row, row.y - top, width);
    }
    this._arrows(context, width, height);
    this._selected(context, height);
  }

  _row(context, painter, row, y, width) {
    const { app } = this;
    const colors = app.palette;
    if (row.kind === "heading") {
      fill(context, colors.band, 0, y, width, row.height - 2);
      context.fillStyle = row.core === app.core ? colors.accent : colors.strong;
      context.font = "600 11px system-ui, sans-serif";
      context.fillText(`\u25be ${row.label}`, 8 + 10 * row.level, y + row.height / 2 - 1);
      context.font = "11px system-ui, sans-serif";
      return;
    }
    fill(context, colors.line, 0, y + row.height - 1, width, 0.5);
    context.fillStyle = row.core === app.core && row.kind === "strips" ? colors.accent : colors.text;
    const mark = row.kind === "strips" ? "\u25b8 " : "";
    context.fillText(`${mark}${row.label}`, 8 + 10 * row.level, y + row.height / 2);
    if (row.kind === "track") {
      const share = row.track.spans.busy() / (app.model.window[1] - app.model.window[0]);
      context.fillStyle = colors.muted;
      context.textAlign = "right";
      context.fillText(percent(share), GUTTER - 8, y + row.height / 2);
      context.textAlign = "left";
      painter.draw(context, row.track.spans, y + 2, row.height - 5, true);
      this._marks(context, row.track, y + row.height - 3);
      return;
    }
    row.tracks.forEach((track, i) => {
      context.fillStyle = colors.muted;
      context.textAlign = "right";
      if (row.level) context.fillText(track.pipe, GUTTER - 8, y + row.height / 2);
      context.textAlign = "left";
      painter.draw(context, track.spans, y + 3 + i * STRIP, STRIP - 1, false);
      this._marks(context, track, y + 3 + (i + 1) * STRIP - 2);
    });
  }

  /** Small marks under the events of the source line that is chosen. */
  _marks(context, track, y) {
    const marked = this.app.marked?.get(track);
    if (!marked) return;
    const { view, model, palette } = this.app;
    const starts = marked.starts;
    let i = Math.max(0, firstAbove(starts, view.first, 0, starts.length) - 1);
    while (i < starts.length && starts[i] < view.last) {
      const left = Math.max(GUTTER, view.x(starts[i]));
      const right = Math.min(GUTTER + view.width, view.x(Math.max(model.end[marked.events[i]], starts[i])));
      if (right > left - 2) fill(context, palette.mark, left, y, Math.max(2, right - left), 3);
      i = right - left < 2 ? Math.max(i + 1, firstAbove(starts, view.time(left + 2), i, starts.length)) : i + 1;
    }
  }

  _arrows(context, width, height) {
    const { app } = this;
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, width - GUTTER, height);
    context.clip();
    const most = this.app.view.width / ARROW_ROOM;
    const all = this._flagsInView(most);
    if (all.length <= most) for (const wait of all) this._arrow(context, wait, false);
    for (const wait of app.relatedWaits()) this._arrow(context, wait, true);
    context.restore();
    this.arrows = all.length <= most ? all.length : 0;
  }

  /** Waits with a known set that end in view, on rows in view; stops counting beyond the limit. */
  _flagsInView(most) {
    const { view } = this.app;
    const found = [];
    for (const row of this.rows) {
      if (row.kind !== "track") continue;
      const { linked, linkedEnd } = row.track;
      let i = firstAbove(linkedEnd, view.first, 0, linked.length);
      for (; i < linked.length && linkedEnd[i] < view.last; i++) {
        found.push(linked[i]);
        if (found.length > most) return found;
      }
    }
    return found;
  }

  _arrow(context, wait, strong) {
    const { model, view, palette } = this.app;
    const set = model.link[wait];
    if (set === NO_EVENT) return;
    const [x1, x2] = [view.x(model.start[set]), view.x(model.metAt(wait))];
    if (!strong && (x1 < GUTTER || x2 > GUTTER + view.width)) return;
    const [y1, y2] = [this.middle(model.trackOf(set)), this.middle(model.trackOf(wait))];
    const bend = Math.max(12, Math.min(60, Math.abs(x2 - x1) / 2));
    context.strokeStyle = context.fillStyle = strong ? palette.accent : palette.muted;
    context.globalAlpha = strong ? 1 : 0.55;
    context.lineWidth = strong ? 1.8 : 1;
    context.beginPath();
    context.moveTo(x1, y1);
    context.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
    context.stroke();
    context.beginPath();
    context.moveTo(x2, y2);
    context.lineTo(x2 - 6, y2 - 3.5);
    context.lineTo(x2 - 6, y2 + 3.5);
    context.fill();
    context.beginPath();
    context.arc(x1, y1, 2.2, 0, 7);
    context.fill();
    context.globalAlpha = 1;
  }

  _selected(context, height) {
    const { app } = this;
    if (app.selected === NO_EVENT) return;
    const { model, view, palette } = app;
    const row = this.rows.find((entry) => entry.track === model.trackOf(app.selected));
    if (!row) return;
    const y = row.y - this.scroll.scrollTop;
    if (y + row.height < 0 || y > height) return;
    const left = Math.max(GUTTER, view.x(model.timeOf(app.selected)));
    const last = Math.max(model.end[app.selected], model.timeOf(app.selected));
    const right = Math.min(GUTTER + view.width, Math.max(left + 2, view.x(last)));
    if (right < GUTTER || left > GUTTER + view.width) return;
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    context.strokeRect(left - 1, y + 1, right - left + 2, row.height - 3);
  }

  /** What lies at a point of the canvas: its row, and track, span and event if it is over one. */
  hit(x, y) {
    const at = y + this.scroll.scrollTop;
    const row = this.rows.find((entry) => at >= entry.y && at < entry.y + entry.height);
    if (!row) return null;
    const found = { row, track: row.track ?? null, span: -1, event: NO_EVENT };
    if (row.kind === "strips") {
      const strip = Math.floor((at - row.y - 3) / STRIP);
      found.track = row.tracks[Math.min(row.tracks.length - 1, Math.max(0, strip))] ?? null;
    }
    if (found.track && x >= GUTTER) {
      found.time = this.app.view.time(x);
      found.span = found.track.spans.near(found.time, 3 * this.app.view.step);
      if (found.span >= 0) found.event = found.track.spans.event[found.span];
    }
    return found;
  }
}
