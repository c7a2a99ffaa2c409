// The panel that tells everything about one event or one region.

/** A line of a list of terms. */
function term(list, name, ...content) {
  if (content.every((part) => part === "" || part === null)) return;
  list.append(make("dt", {}, name), make("dd", {}, ...content.filter((part) => part !== null)));
}

class Details {
  constructor(app, element) {
    Object.assign(this, { app, element });
    this.clear();
  }

  clear() {
    this.element.replaceChildren(
      make("h3", {}, "nothing selected"),
      make("p", { className: "note" },
        "Click a slice of the timeline, a region of a memory, or a line of the text."));
  }

  /** A button that jumps to an event. */
  jump(event, words) {
    const { model } = this.app;
    const text = words ?? `${model.nameOf(event)} at ${count(model.timeOf(event))}`;
    const button = make("button", { className: "jump", type: "button" }, text);
    button.dataset.event = event;
    button.addEventListener("click", () => this.app.select(event, true));
    return button;
  }

  /** A link to a row's source line. */
  place(row) {
    const where = this.app.model.placeOf(row);
    if (!where) return "";
    const link = make("a", { href: "#source", title: where }, this.app.model.shortPlaceOf(row));
    link.dataset.where = where;
    return link;
  }

  show(event) {
    const { model } = this.app;
    const track = model.trackOf(event);
    const list = make("dl");
    const kind = model.kind[event];
    const row = model.row[event];
    const title = kind === BLOCK ? `${count(model.detail[event])} instructions`
      : kind === FULL ? `queue full, at ${model.nameOf(event)}` : model.nameOf(event);
    term(list, "line", this.place(row));
    term(list, "text", row >= 0 && kind !== BLOCK ? make("code", {}, model.code[row][1]) : "");
    term(list, "on", `${model.core_names[track.core]}, pipe ${track.pipe}`);
    if (kind === BLOCK) this._block(list, event);
    else this._times(list, event);
    if (kind === DATA) this._operands(list, event);
    this._causes(list, event);
    this._followers(list, event);
    const neighbours = make("p", { className: "neighbours" },
      this._neighbour(track, event, -1), " ", this._neighbour(track, event, 1), " ",
      this._zoomButton(event));
    this.element.replaceChildren(make("h3", {}, title), neighbours, list);
  }

  _zoomButton(event) {
    const { model, view } = this.app;
    const button = make("button", { type: "button" }, "zoom to it");
    button.addEventListener("click", () => {
      const long = Math.max(4, model.end[event] - model.start[event]);
      view.show(model.start[event] - 2 * long, model.end[event] + 2 * long);
    });
    return button;
  }

  _neighbour(track, event, step) {
    const other = this.app.nextOn(track, event, step);
    const button = make("button", { type: "button", disabled: other === NO_EVENT },
      step < 0 ? "\u25c2 previous" : "next \u25b8");
    button.addEventListener("click", () => this.app.select(other, true));
    return button;
  }

  _block(list, event) {
    const { model } = this.app;
    const long = model.end[event] - model.start[event];
    term(list, "from .. to", `${count(model.start[event])} .. ${count(model.end[event])}`);
    term(list, "busy", `${percent(long ? model.bank[event] / long : 0)}, ${count(model.bank[event])} cycles`);
    term(list, "stalled", `${count(model.bandwidth[event])} cycles`);
    term(list, "mostly", model.nameOf(event));
  }

  _times(list, event) {
    const { model } = this.app;
    const [start, free, end] = [model.start[event], model.free[event], model.end[event]];
    const after = (time) => ` (+${count(time - start)})`;
    term(list, "dispatched", `${count(model.dispatch[event])} (${count(model.timeOf(event) - model.dispatch[event])} before)`);
    if (model.kind[event] !== DATA) {
      const stalled = end > start ? `${count(start)} .. ${count(end)}, ${count(end - start)} cycles`
        : `no stall, met at ${count(free)}`;
      const is_set = model.kind[event] === SET || model.kind[event] === CROSS_SET;
      term(list, is_set ? "fires at" : "waits", is_set ? count(start) : stalled);
      term(list, "flag", model.flagOf(event));
      return;
    }
    term(list, "start", count(start));
    term(list, "free", count(free) + after(free));
    term(list, "end", count(end) + after(end));
    term(list, "head, tail", `${count(model.head[event])}, ${count(end - free)} cycles`);
    term(list, "lost", [
      model.bank[event] ? `${count(model.bank[event])} cycles to banks` : "",
      model.bandwidth[event] ? `${count(model.bandwidth[event])} cycles to shared bandwidth` : "",
    ].filter(Boolean).join(", "));
    const moved = model.detail[event];
    term(list, "moved", moved ? `${count(moved)} bytes of GM, ${(moved / (end - start)).toFixed(1)} a cycle` : "");
  }

  _operands(list, event) {
    const { model } = this.app;
    const table = make("table", { className: "operands" });
    for (const { name, value, memory, symbol } of model.operands(event)) {
      const words = symbol || (memory ? hex(value) : count(value));
      const known = memory ? `${memory} ${model.named(memory, value)}` : symbol || value < 4096 ? "" : hex(value);
      table.append(make("tr", {}, make("td", {}, name), make("td", {}, words), make("td", { className: "sub" }, known)));
    }
    term(list, "operands", table);
  }

  /** What the event waited for: stalls in front of it, with who ended them. */
  _causes(list, event) {
    const { app } = this;
    const { model } = app;
    for (const { from, to, cause, wait } of app.stallsBefore(event)) {
      const parts = [`${count(to - from)} cycles, ${model.causes[cause].replaceAll("_", " ")}`];
      if (wait !== NO_EVENT && wait !== event) parts.push(" ", this.jump(wait));
      const other = wait === NO_EVENT ? NO_EVENT : model.link[wait];
      if (other !== NO_EVENT) {
        const flag = model.flagOf(wait);
        parts.push(make("br"), `${flag ? `${flag}, ` : ""}ended by `, this.jump(other));
        const awaited = app.workBefore(other);
        if (awaited !== NO_EVENT && awaited !== other) parts.push(" behind ", this.jump(awaited));
      }
      term(list, "waited", ...parts);
    }
  }

  /** Flags raised behind the event, and who waited for them. */
  _followers(list, event) {
    const { app } = this;
    const { model } = app;
    for (const set of app.setsBehind(event)) {
      const waits = model.waiters(set);
      const parts = [model.flagOf(set)];
      if (set !== event) parts.push(" ", this.jump(set));
      for (const wait of waits.slice(0, 6)) {
        const track = model.trackOf(wait);
        parts.push(make("br"), `${model.core_names[track.core]} ${track.pipe}: `, this.jump(wait));
        const released = app.workBehind(wait);
        if (released !== NO_EVENT) parts.push(" releases ", this.jump(released));
      }
      term(list, "raises", ...parts);
    }
  }

  showRegion(memory, region) {
    const { model } = this.app;
    const { regions } = model;
    const list = make("dl");
    const lane = memory.lanes.find((entry) => region >= entry.first && region < entry.last);
    const [buffer, tensors] = regions.labels[regions.label[region]];
    const [start, stop] = [regions.start[region], regions.stop[region]];
    term(list, "on", `${model.core_names[memory.core]}, ${memory.name}`);
    term(list, "buffer", buffer || "unnamed");
    term(list, "tensors", tensors.join(", "));
    term(list, "addresses", `${hex(lane.low)} .. ${hex(lane.high - 1)}`);
    term(list, "bytes", `${count(regions.bytes[region])}${regions.bytes[region] < lane.high - lane.low ? " (strided)" : ""}`);
    term(list, "written by", regions.writer[region] >= 0 ? model.code[regions.writer[region]][0] : "?", " ", this.place(regions.writer[region]));
    term(list, "last read by", regions.reader[region] >= 0 ? model.code[regions.reader[region]][0] : "?", " ", this.place(regions.reader[region]));
    term(list, "live", `${count(start)} .. ${count(stop)} (${count(stop - start)} cycles)`);
    if (regions.repeats[region] > 1) term(list, "merged", `${count(regions.repeats[region])} regions of this range`);
    this.element.replaceChildren(make("h3", {}, regions.nameOf(regions.label[region])), list);
  }
}
