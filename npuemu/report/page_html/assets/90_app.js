// The page: brings the parts together, draws when something changed.

class App {
  constructor(model) {
    this.model = model;
    this.relations = new Relations(model);
    this.view = new View(model.window[0], Math.max(model.window[1], model.window[0] + 1));
    this.palette = new Palette(model.kinds, model.causes);
    this.selected = NO_EVENT;
    this.region = null;
    this.marked = null;
    this.pointer = null;
    this.core = model.list.length ? model.list[0].core : 0;
    this.frames = 0;
    const element = (name) => document.getElementById(name);
    this.ruler = element("ruler");
    this.overview = element("overview");
    this.tip = element("tip");
    this.timeline = new Timeline(this, element("timeline-view"));
    this.memory = new MemoryView(this, element("memory-view"));
    this.details = new Details(this, element("details"));
    this.source = new SourceView(this);
    this.view.listeners.push(() => this.schedule());
    this._listen();
  }

  _listen() {
    const { timeline, memory } = this;
    moveWith(this, timeline.scroll, (x, y) => this._clickTimeline(x, y), true);
    moveWith(this, memory.host, (x, y) => this._clickMemory(x, y), false);
    moveOverview(this, this.overview);
    listenToKeys(this);
    new ResizeObserver(() => this.schedule()).observe(timeline.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  recolour() {
    this.palette.read();
    this.schedule();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    rectangles = 0;
    const began = performance.now();
    this.timeline.draw();
    const { view, palette, model } = this;
    const width = GUTTER + view.width + 8;
    const context = prepared(this.ruler, width, 36);
    if (context) drawRuler(context, view, palette, model.clock_mhz, 36);
    this._drawOverview(width);
    this.memory.draw();
    this.drawOverlays();
    this.rectangles = rectangles;
    this.frames++;
    this.drawTime = performance.now() - began;
  }

  /** The busiest pipe of the chosen core over the whole run, and which part is in view. */
  _drawOverview(width) {
    const context = prepared(this.overview, width, 24);
    const track = this.timeline.cores.has(this.core) ? this.timeline.busiest(this.core) : null;
    if (!context || !track) return;
    const { view, palette, model } = this;
    const whole = new View(view.low, view.high);
    whole.width = view.width;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = palette.muted;
    context.fillText(`${model.core_names[track.core]} ${track.pipe}`, 8, 12);
    fill(context, palette.band, GUTTER, 0, view.width, 24);
    new LanePainter(model, whole, palette).draw(context, track.spans, 4, 16, false);
    context.strokeStyle = palette.accent;
    context.lineWidth = 1.5;
    const [left, right] = [whole.x(view.first), whole.x(view.last)];
    context.strokeRect(left, 1, Math.max(3, right - left), 22);
  }

  /** What follows the pointer: the line at its cycle, on all drawings. */
  drawOverlays() {
    for (const part of [this.timeline, this.memory]) {
      const host = part.scroll ?? part.host;
      const context = prepared(part.overlay, host.clientWidth, host.clientHeight);
      if (!context || this.pointer === null) continue;
      const x = this.view.x(this.pointer);
      if (x < GUTTER || x > GUTTER + this.view.width) continue;
      context.fillStyle = this.palette.accent;
      context.fillRect(x, 0, 1, host.clientHeight);
    }
    this._readout();
  }

  _readout() {
    const time = this.pointer === null ? null : Math.round(this.pointer);
    const head = document.getElementById("pointer");
    const { model } = this;
    head.textContent = time === null ? "" : `cycle ${count(time)}, ${duration(time, model.clock_mhz)}`;
    const words = document.getElementById("memory-readout");
    if (time === null) {
      words.textContent = "Point at a cycle to see what is live and how the free bytes lie.";
      return;
    }
    words.textContent = `cycle ${count(time)}: ` + this.memory.readout(time).map((found) =>
      `${found.memory.name} ${bytes(found.live)} live, largest hole ${bytes(found.largest)}, ` +
      `${percent(found.fragmentation)} fragmented`).join(" \u2502 ");
  }

  hover(element, x, y, event) {
    this.pointer = x >= GUTTER && x <= GUTTER + this.view.width ? this.view.time(x) : null;
    const words = element === this.timeline.scroll ? this._tipOfTimeline(x, y) : this._tipOfMemory(x, y);
    this.tip.replaceChildren(...words);
    this.tip.hidden = !words.length;
    if (words.length) {
      const room = window.innerWidth - event.clientX;
      this.tip.style.left = room < 340 ? "" : `${event.clientX + 14}px`;
      this.tip.style.right = room < 340 ? `${room + 10}px` : "";
      this.tip.style.top = `${Math.min(event.clientY + 16, window.innerHeight - 90)}px`;
    }
    this.drawOverlays();
  }

  leave() {
    this.pointer = null;
    this.tip.hidden = true;
    this.drawOverlays();
  }

  _tipOfTimeline(x, y) {
    const hit = this.timeline.hit(x, y);
    if (!hit || hit.span < 0) return [];
    const { model } = this;
    const { spans } = hit.track;
    const [kind, from, to] = [spans.kind[hit.span], spans.start[hit.span], spans.stop[hit.span]];
    const what = kind === MIXED ? `${count(model.detail[hit.event])} instructions`
      : kind >= STALL ? stallText(model, kind)
        : hit.event === NO_EVENT ? "scalar instructions" : model.nameOf(hit.event);
    const place = hit.event === NO_EVENT ? "" : model.shortPlaceOf(model.row[hit.event]);
    return [make("b", {}, what), make("span", {}, `${count(from)} .. ${count(to)}, ${count(to - from)} cycles`),
      make("span", { className: "sub" }, place)];
  }

  _tipOfMemory(x, y) {
    const hit = this.memory.hit(x, y);
    if (!hit || hit.time === undefined) return [];
    const { model } = this;
    const { regions } = model;
    if (hit.region < 0) {
      const live = hit.row.memory.series.at(hit.time);
      const share = hit.row.memory.capacity ? live / hit.row.memory.capacity : 0;
      return [make("b", {}, hit.row.memory.name), make("span", {}, `${bytes(live)} live (${percent(share)})`)];
    }
    const r = hit.region;
    return [
      make("b", {}, regions.nameOf(regions.label[r])),
      make("span", {}, `${count(regions.bytes[r])} bytes, live ${count(regions.start[r])} .. ${count(regions.stop[r])}`),
      make("span", { className: "sub" }, `written at ${model.shortPlaceOf(regions.writer[r]) || "?"}`),
      make("span", { className: "sub" }, `last read at ${model.shortPlaceOf(regions.reader[r]) || "?"}`),
    ];
  }

  _clickTimeline(x, y) {
    const hit = this.timeline.hit(x, y);
    if (!hit) return;
    if (x < GUTTER && hit.row.key) this.timeline.toggle(hit.row.key);
    if (hit.track || x < GUTTER) this.chooseCore(hit.track ? hit.track.core : hit.row.core);
    if (hit.event !== NO_EVENT) this.select(hit.event);
  }

  _clickMemory(x, y) {
    const hit = this.memory.hit(x, y);
    if (hit && hit.region >= 0) {
      this.details.showRegion(hit.row.memory, hit.region);
      this._markSource(this.model.regions.writer[hit.region]);
    }
  }

  /** Show an event in the panel; `reveal`: bring it into view as well. */
  select(event, reveal = false) {
    if (event === NO_EVENT) return;
    const { model } = this;
    this.selected = event;
    this.details.show(event);
    this._markSource(model.row[event]);
    if (reveal) {
      this.chooseCore(model.trackOf(event).core);
      this.timeline.show(model.trackOf(event));
      const start = model.timeOf(event);
      this.view.reveal(start, Math.max(start, model.end[event]));
    }
    this.schedule();
  }

  _markSource(row) {
    if (row >= 0) this.source.mark(...splitPlace(this.model.placeOf(row)));
  }

  clear() {
    this.selected = NO_EVENT;
    this.marked = null;
    document.getElementById("chosen-line").hidden = true;
    this.details.clear();
    this.schedule();
  }

  chooseCore(core) {
    if (core === this.core) return;
    this.core = core;
    document.getElementById("core").value = core;
    this.memory.layout();
    this.schedule();
  }

  zoomToSelected() {
    if (this.selected === NO_EVENT) return;
    const [start, end] = [this.model.start[this.selected], this.model.end[this.selected]];
    const room = 2 * Math.max(4, end - start);
    this.view.show(start - room, end + room);
  }

  /** Go to the neighbour of the selected event. */
  step(by) {
    if (this.selected === NO_EVENT) return;
    this.select(this.relations.next(this.model.trackOf(this.selected), this.selected, by), true);
  }

  stallsBefore(event) {
    return this.relations.stallsBefore(event);
  }

  setsBehind(event) {
    return this.relations.setsBehind(event);
  }

  workBefore(event) {
    return this.relations.workBefore(event);
  }

  workBehind(event) {
    return this.relations.workBehind(event);
  }

  nextOn(track, event, step) {
    return this.relations.next(track, event, step);
  }

  relatedWaits() {
    return this.relations.related(this.selected);
  }

  /** Choose a line of the text: its events are marked, the first of them in view is selected. */
  chooseLine(file, line) {
    const { model } = this;
    this.source.mark(file, line);
    const number = model.files.indexOf(file);
    const rows = new Set();
    model.code.forEach((row, i) => row[2][0] === number && row[2][1] === line && rows.add(i));
    this.marked = markedEvents(model, rows);
    this.line = { file, line };
    const total = [...this.marked.values()].reduce((sum, { events }) => sum + events.length, 0);
    const bar = document.getElementById("chosen-line");
    bar.hidden = false;
    bar.querySelector("b").textContent = `${model.short_files[number] ?? file}:${line}`;
    bar.querySelector("span").textContent = `${count(total)} event${total === 1 ? "" : "s"}`;
    if (total) {
      this.selected = NO_EVENT;
      this.stepMarked(1, this.view.first);
      document.getElementById("timeline").scrollIntoView({ block: "nearest" });
    }
    this.schedule();
  }

  /** Go to the next or previous event of the chosen line, on the pipe of the selected one. */
  stepMarked(by, from = null) {
    if (!this.marked?.size) return;
    const now = this.selected === NO_EVENT ? null : this.model.trackOf(this.selected);
    const track = this.marked.has(now) ? now
      : [...this.marked.keys()].find((entry) => entry.core === this.core) ?? [...this.marked.keys()][0];
    const { events, starts } = this.marked.get(track);
    let i;
    if (from !== null || now !== track) {
      i = Math.min(events.length - 1, Math.max(0, firstAbove(starts, (from ?? this.view.first) - 1, 0, starts.length)));
    } else i = Math.min(events.length - 1, Math.max(0, firstAbove(events, this.selected - 1, 0, events.length) + by));
    this.select(events[i], true);
  }

  toggleHelp() {
    const help = document.getElementById("help");
    help.open = !help.open;
  }
}

/** Events of rows by track, with their starts. */
function markedEvents(model, rows) {
  const found = new Map();
  for (const track of model.list) {
    const events = [];
    for (let i = track.first; i < track.last; i++) if (rows.has(model.row[i])) events.push(i);
    if (!events.length) continue;
    events.sort((a, b) => model.start[a] - model.start[b]);
    found.set(track, { events, starts: events.map((i) => model.start[i]) });
  }
  return found;
}
