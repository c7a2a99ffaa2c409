// How events hang together: what one waited for, what it let go, who comes next on its pipe.

class Relations {
  constructor(model) {
    this.model = model;
  }

  _isWork(event) {
    return this.model.kind[event] === DATA || this.model.kind[event] === BLOCK;
  }

  /** The work on an event's pipe before it, or itself if it is work. */
  workBefore(event) {
    const { first } = this.model.trackOf(event);
    for (let i = event; i >= first; i--) if (this._isWork(i)) return i;
    return NO_EVENT;
  }

  /** The next work behind an event on its pipe. */
  workBehind(event) {
    const { last } = this.model.trackOf(event);
    for (let i = event + 1; i < last; i++) if (this._isWork(i)) return i;
    return NO_EVENT;
  }

  /** The next or previous event of a track that takes time. */
  next(track, event, step) {
    const { model } = this;
    for (let i = event + step; i >= track.first && i < track.last; i += step) {
      if (this._isWork(i) || model.end[i] > model.start[i]) return i;
    }
    return NO_EVENT;
  }

  /** Waits and barriers between an event and the work before it; for a wait, itself. */
  waitsBefore(event) {
    const { model } = this;
    if (!this._isWork(event)) return model.causeOf(event) >= 0 ? [event] : [];
    const found = [];
    const { first } = model.trackOf(event);
    for (let i = event - 1; i >= first && !this._isWork(i); i--) {
      if (model.causeOf(i) >= 0) found.push(i);
    }
    return found.reverse();
  }

  /** Stalls in front of an event: from, to, cause, and the wait that has the link. */
  stallsBefore(event) {
    const { model } = this;
    const found = this.waitsBefore(event).map((wait) => ({
      from: model.start[wait], to: model.end[wait], cause: model.causeOf(wait), wait,
    }));
    const { spans } = model.trackOf(event);
    const late = model.dispatch[event];
    for (let i = firstAbove(spans.start, model.start[event], 0, spans.count) - 1; i >= 0; i--) {
      const kind = spans.kind[i];
      if (kind < STALL && spans.start[i] < model.start[event]) break;
      const is_own = spans.event[i] === event && spans.stop[i] <= model.start[event];
      if (is_own && kind >= STALL) {
        found.unshift({ from: spans.start[i], to: spans.stop[i], cause: kind - STALL, wait: NO_EVENT });
      }
      if (spans.stop[i] < late && spans.event[i] !== event) break;
    }
    return found;
  }

  /** Flags raised between an event and the next work of its pipe; for a set, itself. */
  setsBehind(event) {
    const { model } = this;
    const isSet = (i) => model.kind[i] === SET || model.kind[i] === CROSS_SET;
    if (!this._isWork(event)) return isSet(event) ? [event] : [];
    const found = [];
    const { last } = model.trackOf(event);
    for (let i = event + 1; i < last && !this._isWork(i); i++) if (isSet(i)) found.push(i);
    return found;
  }

  /** Waits with a link that belong to an event: those before it and those it releases. */
  related(event) {
    if (event === NO_EVENT) return [];
    const { model } = this;
    const released = this.setsBehind(event).flatMap((set) => model.waiters(set));
    return [...this.waitsBefore(event), ...released].filter((wait) => model.link[wait] !== NO_EVENT);
  }
}
