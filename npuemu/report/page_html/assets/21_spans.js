// From events to spans: every cycle of a track up to the core's halt is work, a stall, or unknown.

/** Spans of a pipe: the cursor is how far earlier events account for its cycles. */
function spansOf(model, track) {
  const spans = new Spans();
  if (track.pipe === "S") scalarSpans(model, track, spans);
  else pipeSpans(model, track, spans);
  return spans.finish();
}

function scalarSpans(model, track, spans) {
  const scalar = model.kinds.findIndex(([name]) => name === "scalar");
  let cursor = model.window[0];
  for (let i = track.first; i < track.last; i++) {
    const kind = model.kind[i];
    if (kind === HALT) {
      spans.add(cursor, model.start[i], scalar, NO_EVENT);
      cursor = Math.max(cursor, model.end[i]);
    } else if (kind === BLOCK) {
      spans.add(cursor, model.start[i], scalar, NO_EVENT);
      const begin = Math.max(cursor, model.start[i]);
      const busy = Math.max(0, model.end[i] - begin - model.bandwidth[i]);
      addBlock(model, i, begin, model.end[i], spans, scalar, busy);
      cursor = Math.max(cursor, model.end[i]);
    } else if (model.causeOf(i) >= 0 && model.end[i] > model.start[i]) {
      spans.add(cursor, model.start[i], scalar, NO_EVENT);
      spans.add(Math.max(cursor, model.start[i]), model.end[i], STALL + model.causeOf(i), i);
      cursor = Math.max(cursor, model.end[i]);
    }
  }
}

/** Start of the next work behind each event of a track, by distance from its first event. */
function nextStarts(model, track) {
  const found = new Float64Array(track.last - track.first);
  let next = Infinity;
  for (let i = track.last - 1; i >= track.first; i--) {
    found[i - track.first] = next;
    if (model.kind[i] === DATA || model.kind[i] === BLOCK) next = model.start[i];
  }
  return found;
}

function pipeSpans(model, track, spans) {
  const { start, end, dispatch } = model;
  const next = nextStarts(model, track);
  let cursor = model.window[0];  // up to here earlier events account for the pipe's cycles
  let drawn = cursor;            // up to here they are drawn: a tail gives way to the next instruction
  for (let i = track.first; i < track.last; i++) {
    const kind = model.kind[i];
    const isWork = kind === DATA || kind === BLOCK;
    const holds = kind === WAIT || kind === CROSS_WAIT || (kind === BARRIER && end[i] > start[i]);
    if (!isWork && !holds) continue;
    const late = kind === BLOCK ? start[i] : Math.min(dispatch[i], start[i]);
    spans.add(cursor, late, STALL, i);
    spans.add(Math.max(cursor, late), start[i], STALL + 8, i);
    const begin = Math.max(drawn, start[i]);
    const reach = Math.max(cursor, end[i]);
    const stop = isWork ? Math.max(begin, Math.min(reach, next[i - track.first])) : end[i];
    if (holds) spans.add(begin, stop, STALL + model.causeOf(i), i);
    else if (kind === BLOCK) addBlock(model, i, begin, stop, spans, model.code[model.row[i]][3]);
    else addWork(model, i, begin, stop, Math.max(0, end[i] - Math.max(cursor, start[i])), spans);
    cursor = Math.max(cursor, end[i]);
    if (stop > begin) drawn = stop;
  }
  const halt = model.halt.get(track.core);
  if (halt !== undefined) spans.add(cursor, halt, STALL, NO_EVENT);
}

/** A data instruction from its start to its end, or to the start of the next one; the cycles that
 *  banks or shared bandwidth cost, of the `own` ones it accounts for, stand before it is free. */
function addWork(model, i, begin, stop, own, spans) {
  const kind = model.code[model.row[i]][3];
  const bank = Math.min(model.bank[i], own);
  const bandwidth = Math.min(model.bandwidth[i], own - bank);
  const free = Math.max(Math.min(model.free[i], stop), Math.min(stop, begin + bank + bandwidth));
  if (bank + bandwidth === 0) {
    spans.add(begin, stop, kind, i);
    return;
  }
  spans.add(begin, free - bank - bandwidth, kind, i);
  spans.add(free - bank - bandwidth, free - bandwidth, STALL + 10, i);
  spans.add(free - bandwidth, free, STALL + 11, i);
  spans.add(free, stop, kind, i);
}

/** Several instructions: cycles of work of the main kind, and stalls under their main cause. */
function addBlock(model, i, begin, end, spans, kind, busy = model.bank[i]) {
  const parts = new Map([[kind, busy]]);
  if (model.bandwidth[i] > 0) parts.set(STALL + Math.max(0, model.head[i]), model.bandwidth[i]);
  spans.add(begin, end, MIXED, i, parts);
}
