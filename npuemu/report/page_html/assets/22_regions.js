// What the local memories held: lanes of regions, and bytes over time.

/** Regions of all memories. A lane is one address range of one memory: its regions follow each
 *  other in time. */
class Regions {
  constructor(about, c) {
    this.start = undelta(c.region_start);
    this.stop = this.start.map((start, i) => start + c.region_long[i]);
    this.writer = c.region_writer;
    this.reader = c.region_reader;
    this.bytes = c.region_bytes;
    this.label = c.region_label;
    this.repeats = c.region_count;
    this.labels = about.labels;
    this.total = about.total;
    this.bucket = about.bucket;
    this.memories = about.slots.map(([core, name, capacity], i) => ({
      core, name, capacity, lanes: [],
      series: new Series(c.series_time[i], c.series_bytes[i]),
    }));
    for (const [memory, low, high, first, last] of about.lanes) {
      this.memories[memory].lanes.push({ low, high, first, last });
    }
    for (const memory of this.memories) {
      memory.top = memory.lanes.reduce((most, lane) => Math.max(most, lane.high), 0);
      memory.bottom = memory.lanes.reduce((least, lane) => Math.min(least, lane.low), memory.top);
    }
  }

  /** Memories of a core. */
  of(core) {
    return this.memories.filter((memory) => memory.core === core);
  }

  /** The region of a lane that is live at a time, -1 for none. */
  at(lane, time) {
    const i = firstAbove(this.start, time, lane.first, lane.last) - 1;
    return i >= lane.first && time < this.stop[i] ? i : -1;
  }

  /** The region that a point of a memory's map shows: the one of the smallest range; -1 for none. */
  find(memory, address, time) {
    let best = -1;
    let size = Infinity;
    for (const lane of memory.lanes) {
      if (address < lane.low || address >= lane.high || lane.high - lane.low >= size) continue;
      const region = this.at(lane, time);
      if (region >= 0) [best, size] = [region, lane.high - lane.low];
    }
    return best;
  }

  /** Live bytes, free bytes, the largest hole and the fragmentation of a memory at a time. */
  holes(memory, time) {
    const held = [];
    let live = 0;
    for (const lane of memory.lanes) {
      const region = this.at(lane, time);
      if (region < 0) continue;
      held.push(lane);
      live += this.bytes[region];
    }
    held.sort((a, b) => a.low - b.low);
    let reach = 0;
    let largest = 0;
    for (const lane of [...held, { low: memory.capacity, high: memory.capacity }]) {
      largest = Math.max(largest, lane.low - reach);
      reach = Math.max(reach, lane.high);
    }
    const free = memory.capacity - live;
    return { live, free, largest, fragmentation: free > 0 ? 1 - largest / free : 0 };
  }

  /** What a holder is called: its buffer and the tensors it carries. */
  nameOf(label) {
    const [buffer, tensors] = this.labels[label];
    const carries = tensors.length > 3 ? `${tensors.slice(0, 3).join("+")}+\u2026` : tensors.join("+");
    return [buffer, carries].filter(Boolean).join(" \u00b7 ") || "unnamed";
  }
}

/** Bytes over time: each value holds up to the next time. */
class Series {
  constructor(times, values) {
    this.times = times;
    this.values = values;
    this.peak = values.reduce((most, value) => Math.max(most, value), 0);
    this.peakTime = this.peak ? times[values.indexOf(this.peak)] : 0;
    this._blocks();
  }

  /** The most of every 64 values, so that a pixel of many changes is not a walk over them. */
  _blocks() {
    const n = Math.ceil(this.values.length / 64);
    this.most = new Float64Array(n);
    for (let i = 0; i < this.values.length; i++) {
      this.most[i >> 6] = Math.max(this.most[i >> 6], this.values[i]);
    }
  }

  at(time) {
    const i = firstAbove(this.times, time, 0, this.times.length) - 1;
    return i < 0 ? 0 : this.values[i];
  }

  /** The most in [from, to). */
  mostIn(from, to) {
    let i = firstAbove(this.times, from, 0, this.times.length) - 1;
    const last = firstAbove(this.times, to, Math.max(0, i), this.times.length);
    let found = i < 0 ? 0 : this.values[i];
    for (i = Math.max(0, i); i < last; ) {
      if ((i & 63) === 0 && i + 64 <= last) {
        found = Math.max(found, this.most[i >> 6]);
        i += 64;
      } else found = Math.max(found, this.values[i++]);
    }
    return found;
  }
}
