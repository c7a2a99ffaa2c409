// What was recorded, ready to be drawn: events, tracks of spans, links, values of operands.

const [DATA, SET, WAIT, BARRIER, CROSS_SET, CROSS_WAIT, FULL, HALT, BLOCK] = Array(9).keys();
const EVENT_NAMES = ["work", "set", "wait", "barrier", "set", "wait", "queue full", "halt", "block"];
const STALL = 16;        // a span of kind STALL + c is a stall of cause c, below it is work
const MIXED = 15;        // a span that stands for several instructions
const NO_EVENT = -1;

/** Index of the first element of sorted `values` in [from, to) that is greater than `limit`. */
function firstAbove(values, limit, from, to) {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (values[middle] > limit) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Spans of one track, in the order of time and without overlap, with running sums by kind. */
class Spans {
  constructor() {
    this.start = [];
    this.stop = [];
    this.kind = [];
    this.event = [];
    this.parts = [];
  }

  /** A span; `parts` (kind -> cycles) of one that stands for several things. */
  add(start, stop, kind, event, parts = null) {
    if (stop <= start) return;
    if (parts) this.parts.push([this.start.length, parts]);
    this.start.push(start);
    this.stop.push(stop);
    this.kind.push(kind);
    this.event.push(event);
  }

  /** No more spans: typed arrays, and sums[kind][i] = cycles of that kind in the first i spans. */
  finish() {
    const n = (this.count = this.start.length);
    this.start = Float64Array.from(this.start);
    this.stop = Float64Array.from(this.stop);
    this.kind = Uint8Array.from(this.kind);
    this.event = Int32Array.from(this.event);
    const parts = new Map(this.parts);
    const kinds = new Set(this.kind);
    for (const part of parts.values()) for (const kind of part.keys()) kinds.add(kind);
    kinds.delete(MIXED);
    this.sums = new Map([...kinds].sort((a, b) => a - b).map((kind) => [kind, new Float64Array(n + 1)]));
    for (const [kind, sum] of this.sums) {
      for (let i = 0; i < n; i++) {
        const whole = this.kind[i] === kind ? this.stop[i] - this.start[i] : 0;
        const part = this.kind[i] === MIXED ? parts.get(i).get(kind) ?? 0 : whole;
        sum[i + 1] = sum[i] + part;
      }
    }
    this.parts = parts;
    return this;
  }

  /** Index of the span at a time, -1 between spans. */
  at(time) {
    const i = firstAbove(this.start, time, 0, this.count) - 1;
    return i >= 0 && time < this.stop[i] ? i : -1;
  }

  /** Index of the span at a time, or of the closest one at most `reach` away; -1 for none. */
  near(time, reach) {
    const found = this.at(time);
    if (found >= 0 || !this.count) return found;
    const next = firstAbove(this.start, time, 0, this.count);
    const ahead = next < this.count ? this.start[next] - time : Infinity;
    const behind = next > 0 ? time - this.stop[next - 1] : Infinity;
    if (Math.min(ahead, behind) > reach) return -1;
    return ahead < behind ? next : next - 1;
  }

  /** Cycles of work. */
  busy() {
    let found = 0;
    for (const [kind, sum] of this.sums) if (kind < MIXED) found += sum[this.count];
    return found;
  }
}

/** One pipe of one core: events [first, last) and their spans. */
class Track {
  constructor(index, [core, pipe, first, last]) {
    Object.assign(this, { index, core, pipe, first, last });
  }
}

/** The whole recording. */
class Model {
  constructor(about, columns) {
    Object.assign(this, about);
    const c = columns;
    const n = about.events;
    this.kind = Uint8Array.from(c.kind);
    this.row = Int32Array.from(c.row);
    // Starts are differences over the whole list: sums would lose nothing below 2^53.
    this.start = undelta(c.start);
    this.dispatch = this.start.map((start, i) => start - c.wait[i]);
    this.free = this.start.map((start, i) => start + c.work[i]);
    this.end = this.free.map((free, i) => free + c.tail[i]);
    this.link = Int32Array.from(c.link, (back, i) => (back === 0 ? NO_EVENT : i - back));
    this.detail = c.detail;
    this.bank = c.bank;
    this.bandwidth = c.bandwidth;
    this.head = c.head;
    this.track = new Int32Array(n);
    this.list = about.tracks.map((entry, i) => new Track(i, entry));
    for (const track of this.list) this.track.fill(track.index, track.first, track.last);
    this._readValues(c.values);
    this._findWaiters();
    this._findHalts();
    for (const track of this.list) track.spans = spansOf(this, track);
    this.regions = new Regions(about.memory, columns);
  }

  /** Operand values from registers, event by event; each is stored against the row's last. */
  _readValues(values) {
    const last = this.code.map((row) => new Float64Array(row[5].length));
    this.valueStart = new Int32Array(this.events + 1);
    let at = 0;
    for (let i = 0; i < this.events; i++) {
      this.valueStart[i] = at;
      if (this.kind[i] !== DATA) continue;
      const row = last[this.row[i]];
      for (let k = 0; k < row.length; k++, at++) values[at] = row[k] += values[at];
    }
    this.values = values;
  }

  /** Who waited for each set: a list of the waits of every event, as a chain. */
  _findWaiters() {
    this.nextWaiter = new Int32Array(this.events).fill(NO_EVENT);
    this.firstWaiter = new Int32Array(this.events).fill(NO_EVENT);
    for (let i = this.events - 1; i >= 0; i--) {
      const set = this.link[i];
      if (set === NO_EVENT || (this.kind[i] !== WAIT && this.kind[i] !== CROSS_WAIT)) continue;
      this.nextWaiter[i] = this.firstWaiter[set];
      this.firstWaiter[set] = i;
    }
    for (const track of this.list) {
      const waits = [];
      for (let i = track.first; i < track.last; i++) {
        if (this.link[i] !== NO_EVENT && (this.kind[i] === WAIT || this.kind[i] === CROSS_WAIT)) waits.push(i);
      }
      track.linked = waits;
      track.linkedEnd = waits.map((i) => this.end[i]);
    }
  }

  _findHalts() {
    this.halt = new Map();
    for (const track of this.list) {
      for (let i = track.first; i < track.last; i++) {
        if (this.kind[i] === HALT) this.halt.set(track.core, this.end[i]);
      }
    }
  }

  /** The waits that a set released. */
  waiters(set) {
    const found = [];
    for (let i = this.firstWaiter[set]; i !== NO_EVENT; i = this.nextWaiter[i]) found.push(i);
    return found;
  }

  trackOf(event) {
    return this.list[this.track[event]];
  }

  /** When an event takes place: its start; for a wait that did not stall, when it was met. */
  timeOf(event) {
    const waits = this.causeOf(event) >= 0 && this.end[event] <= this.start[event];
    return waits ? this.free[event] : this.start[event];
  }

  /** When a wait let its pipe go on. */
  metAt(wait) {
    return this.end[wait] > this.start[wait] ? this.end[wait] : this.free[wait];
  }

  /** Mnemonic of an event's instruction. */
  nameOf(event) {
    const row = this.row[event];
    return row < 0 ? EVENT_NAMES[this.kind[event]] : this.code[row][0];
  }

  /** `file:line:column` of a row of the code. */
  placeOf(row) {
    if (row < 0) return "";
    const [file, line, column] = this.code[row][2];
    return line ? `${this.files[file]}:${line}:${column}` : this.files[file];
  }

  /** The same with a short name of the file. */
  shortPlaceOf(row) {
    if (row < 0) return "";
    const [file, line] = this.code[row][2];
    return line ? `${this.short_files[file]}:${line}` : this.short_files[file];
  }

  /** Operands of a data event: name, value, memory or symbol. */
  operands(event) {
    const [, , , , operands, registers] = this.code[this.row[event]];
    const found = operands.map(([name, value, memory, symbol]) => ({ name, value, memory, symbol }));
    if (this.kind[event] === DATA) {
      registers.forEach((k, i) => {
        found[k].value = this.values[this.valueStart[event] + i];
        found[k].symbol = "";
      });
    }
    return found;
  }

  /** What an address of a memory is called: buffer or tensor, with the distance from its start. */
  named(memory, address) {
    const place = this.named_ranges.find(
      ([, where, first, bytes]) => where === memory && address >= first && address < first + bytes);
    if (!place) return "";
    const offset = address - place[2];
    return offset ? `${place[0]} + ${hex(offset)}` : place[0];
  }

  /** Cause of the stall of an event, as an index of `causes`; -1 if it is none. */
  causeOf(event) {
    switch (this.kind[event]) {
      case WAIT: return 1 + Math.floor(this.detail[event] / 64);
      case BARRIER: return 8;
      case CROSS_WAIT: return 9;
      case FULL: return 12;
      default: return -1;
    }
  }

  /** The flag of a set or wait in words. */
  flagOf(event) {
    const detail = this.detail[event];
    switch (this.kind[event]) {
      case SET: case WAIT: {
        const [source, target] = [Math.floor(detail / 64), Math.floor(detail / 8) % 8];
        return `${this.pipes[source]} \u2192 ${this.pipes[target]} ${detail % 8}`;
      }
      case CROSS_SET: case CROSS_WAIT: return `cross-core ${((detail % 256) + 256) % 256}`;
      default: return "";
    }
  }
}
