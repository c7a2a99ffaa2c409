// The memories of one core: live bytes over time, and which addresses who held.

const CHART = 46;
const MAP = 116;
const TITLE = 20;
const BLOCK_GAP = 16;

/** One canvas with all memories of the chosen core, on the time axis of the timeline. */
class MemoryView {
  constructor(app, element) {
    Object.assign(this, { app, element });
    this.host = make("div", { className: "scroller memory-host", tabIndex: 0 });
    this.host.setAttribute("aria-label", "occupancy of the memories over time");
    this.space = make("div");
    this.host.append(this.space);
    this.canvas = make("canvas", { className: "layer" });
    this.overlay = make("canvas", { className: "layer" });
    element.append(this.host, this.canvas, this.overlay);
    this.whole = false;
    this.layout();
  }

  layout() {
    let y = 0;
    this.rows = this.app.model.regions.of(this.app.core).map((memory) => {
      const row = { memory, y, chart: y + TITLE, map: y + TITLE + CHART + 6 };
      y = row.map + MAP + BLOCK_GAP;
      return row;
    });
    this.space.style.height = `${Math.max(40, y)}px`;
    this._legend();
  }

  /** Names and colours of who ever held a memory of the core. */
  _legend() {
    const { regions } = this.app.model;
    const labels = new Set();
    for (const { memory } of this.rows) {
      for (const lane of memory.lanes) {
        for (let i = lane.first; i < lane.last; i++) labels.add(regions.label[i]);
      }
    }
    document.getElementById("holders").replaceChildren(...[...labels].map((label) => {
      const dot = make("i", { className: "dot" });
      dot.style.background = `var(--h-${label % HOLDERS})`;
      return make("span", {}, dot, regions.nameOf(label));
    }));
  }

  /** Addresses [low, high) that a map shows: the whole memory, or from the lowest to the highest
   *  that was ever held. */
  addresses(memory) {
    return this.whole || !memory.top ? [0, memory.capacity] : [memory.bottom, memory.top];
  }

  draw() {
    const [width, height] = [this.host.clientWidth, this.host.clientHeight];
    const context = prepared(this.canvas, width, height);
    if (!context) return;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const row of this.rows) {
      this._title(context, row);
      this._chart(context, row);
      this._map(context, row);
    }
    if (!this.rows.length) {
      context.fillStyle = this.app.palette.muted;
      context.fillText("nothing was live in the memories of this core", GUTTER, 20);
    }
  }

  _title(context, { memory, y }) {
    const { palette } = this.app;
    context.textAlign = "left";
    context.fillStyle = palette.strong;
    context.font = "600 12px system-ui, sans-serif";
    context.fillText(memory.name, 8, y + TITLE / 2);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = palette.muted;
    const { peak, peakTime } = memory.series;
    const share = memory.capacity ? ` (${percent(peak / memory.capacity)})` : "";
    context.fillText(`peak ${bytes(peak)} of ${bytes(memory.capacity)}${share} at cycle ${count(peakTime)}`,
      GUTTER, y + TITLE / 2);
  }

  /** Live bytes against the capacity; the most of each pixel. */
  _chart(context, { memory, chart }) {
    const { view, palette } = this.app;
    const scale = CHART / Math.max(1, memory.capacity);
    fill(context, palette.band, GUTTER, chart, view.width, CHART);
    context.beginPath();
    context.moveTo(GUTTER, chart + CHART);
    for (let x = 0; x < view.width; x++) {
      const from = view.time(GUTTER + x);
      const level = chart + CHART - memory.series.mostIn(from, from + view.step) * scale;
      context.lineTo(GUTTER + x, level);
      context.lineTo(GUTTER + x + 1, level);
    }
    context.lineTo(GUTTER + view.width, chart + CHART);
    context.closePath();
    context.fillStyle = palette.kinds[0];
    context.globalAlpha = 0.75;
    context.fill();
    context.globalAlpha = 1;
    rectangles += view.width;
    this._axis(context, chart, CHART, "0", bytes(memory.capacity));
  }

  _axis(context, top, tall, least, most) {
    const { palette, view } = this.app;
    fill(context, palette.line, GUTTER, top, view.width, 1);
    fill(context, palette.line, GUTTER, top + tall, view.width, 1);
    context.fillStyle = palette.muted;
    context.textAlign = "right";
    context.fillText(most, GUTTER - 8, top + 6);
    context.fillText(least, GUTTER - 8, top + tall - 5);
    context.textAlign = "left";
  }

  /** Who held which addresses: one rectangle a region, columns where they are narrower than a pixel. */
  _map(context, { memory, map }) {
    const { view, palette } = this.app;
    const [low, high] = this.addresses(memory);
    const scale = MAP / (high - low);
    fill(context, palette.band, GUTTER, map, view.width, MAP);
    for (const lane of memory.lanes) {
      const y = map + MAP - (Math.min(lane.high, high) - low) * scale;
      this._lane(context, lane, y, Math.max(0.7, (lane.high - lane.low) * scale));
    }
    this._axis(context, map, MAP, hex(low), hex(high));
  }

  _lane(context, lane, y, tall) {
    const { view, palette, model } = this.app;
    const { start, stop, label: labels } = model.regions;
    const edge = GUTTER + view.width;
    let i = Math.max(lane.first, firstAbove(start, view.first, lane.first, lane.last) - 1);
    if (i < lane.last && stop[i] <= view.first) i++;
    while (i < lane.last && start[i] < view.last) {
      const left = Math.max(GUTTER, view.x(start[i]));
      const right = Math.min(edge, view.x(stop[i]));
      if (right - left >= WIDE) {
        const gap = tall > 3 ? 0.7 : 0;
        fill(context, palette.holder(labels[i]), left, y + gap / 2, Math.max(0.5, right - left - gap), tall - gap);
        if (tall >= 11) {
          label(context, palette["on-slice"], this._words(i), left, right, y + tall / 2);
        }
        i++;
        continue;
      }
      const pixel = Math.floor(left);
      const until = view.time(pixel + 1);
      let j = i;
      let held = 0;
      const next = firstAbove(start, until, i + 1, lane.last);
      for (; j < next && j < i + 64; j++) held += stop[j] - start[j];
      context.globalAlpha = Math.max(0.15, Math.min(1, held / view.step));
      fill(context, palette.holder(labels[i]), pixel, y, 1, tall);
      context.globalAlpha = 1;
      i = next;
    }
  }

  _words(region) {
    const { model } = this.app;
    const { regions } = model;
    const row = regions.writer[region];
    const line = row >= 0 ? ` :${model.code[row][2][1]}` : "";
    const times = regions.repeats[region] > 1 ? ` x${regions.repeats[region]}` : "";
    return `${regions.nameOf(regions.label[region])}${line}${times}`;
  }

  /** The memory, and the region, at a point; null outside of the rows. */
  hit(x, y) {
    const row = this.rows.find((entry) => y >= entry.y && y < entry.map + MAP);
    if (!row || x < GUTTER) return row ? { row, region: -1 } : null;
    const time = this.app.view.time(x);
    let region = -1;
    if (y >= row.map) {
      const [low, high] = this.addresses(row.memory);
      const address = low + ((row.map + MAP - y) / MAP) * (high - low);
      region = this.app.model.regions.find(row.memory, address, time);
    }
    return { row, region, time };
  }

  /** What every memory holds at a time, in words. */
  readout(time) {
    return this.rows.map(({ memory }) => {
      const found = this.app.model.regions.holes(memory, time);
      return { memory, ...found };
    });
  }
}
