// Starting: the tables first, then the recording, if the page has one.

/** The buttons above the timeline, and its legend. */
function fillToolbar(app) {
  const { model, view, timeline } = app;
  const on = (name, action) => document.getElementById(name).addEventListener("click", action);
  on("fit", () => view.fit());
  on("closer", () => view.zoom(0.5, (view.first + view.last) / 2));
  on("further", () => view.zoom(2, (view.first + view.last) / 2));
  on("fold", () => timeline.foldAll(true));
  on("unfold", () => timeline.foldAll(false));
  on("line-before", () => app.stepMarked(-1));
  on("line-behind", () => app.stepMarked(1));
  on("line-clear", () => app.clear());
  on("addresses", (event) => {
    app.memory.whole = !app.memory.whole;
    event.target.setAttribute("aria-pressed", app.memory.whole);
    app.schedule();
  });
  const choice = document.getElementById("core");
  for (const core of timeline.cores.keys()) {
    choice.append(make("option", { value: core }, model.core_names[core]));
  }
  choice.value = app.core;
  choice.addEventListener("change", () => app.chooseCore(Number(choice.value)));
  const kinds = new Set(model.list.flatMap((track) => [...track.spans.sums.keys()]));
  const legend = document.getElementById("legend");
  const entry = (name, words) => make("span", {}, make("i", { className: `dot ${name}` }), words);
  model.kinds.forEach(([name, words], i) => kinds.has(i) && legend.append(entry(`k-${name}`, words)));
  const causes = new Set();
  model.causes.forEach((name, i) => {
    if (kinds.has(STALL + i)) causes.add(name.startsWith("flag") ? "flag" : name);
  });
  for (const name of causes) legend.append(entry(`c-${name}`, `waits: ${name.replaceAll("_", " ")}`));
}

/** A button that turns the colour scheme; without it the page follows the system. */
function listenToScheme(app) {
  const root = document.documentElement;
  document.getElementById("scheme").addEventListener("click", () => {
    const dark = root.dataset.scheme ? root.dataset.scheme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.scheme = dark ? "light" : "dark";
    app?.recolour();
  });
}

/** What tests and the console see of the page.
 *
 *  ready: the first drawing is done; error: what went wrong, or null; drawn: milliseconds from the
 *  start of the navigation to the end of the first drawing; view(): cycles in view; show(first,
 *  last); fit(); select(event); selected(); core(); events: how many; tracks(): core, pipe, first
 *  and last event, cycles by kind; rows(): rows of the timeline with their places; place(event):
 *  the middle of an event on the page; stats(): rectangles, milliseconds and arrows of the last
 *  drawing, and how many drawings there were; marked(): how many events the chosen line has.
 */
function expose(app, error = null) {
  const { model, view, timeline } = app ?? {};
  window.npuemu = !app ? { ready: true, error, drawn: performance.now() } : {
    ready: true,
    error,
    drawn: performance.now(),
    events: model.events,
    view: () => ({ first: view.first, last: view.last, low: view.low, high: view.high }),
    show: (first, last) => view.show(first, last),
    fit: () => view.fit(),
    select: (event) => app.select(event, true),
    selected: () => app.selected,
    core: () => model.core_names[app.core],
    marked: () => [...(app.marked?.values() ?? [])].reduce((sum, { events }) => sum + events.length, 0),
    tracks: () => model.list.map((track) => ({
      core: model.core_names[track.core], pipe: track.pipe, first: track.first, last: track.last,
      cycles: Object.fromEntries([...track.spans.sums].map(([kind, sum]) => [
        kind >= STALL ? model.causes[kind - STALL] : model.kinds[kind][0], sum[track.spans.count]])),
    })),
    rows: () => timeline.rows.map(({ kind, key, label, y, height }) => ({ kind, key, label, y, height })),
    place: (event) => {
      const box = timeline.scroll.getBoundingClientRect();
      const middle = (model.start[event] + model.end[event]) / 2;
      return { x: box.left + view.x(middle), y: box.top + timeline.middle(model.trackOf(event)) };
    },
    stats: () => ({ rectangles: app.rectangles, milliseconds: app.drawTime, frames: app.frames,
      arrows: timeline.arrows }),
  };
}

async function start() {
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  const about = readJson("npuemu-recording");
  if (!about) {
    listenToScheme(null);
    expose(null);
    return;
  }
  const packed = document.getElementById("npuemu-columns");
  const columns = readColumns(about.directory, await inflate(packed.textContent));
  packed.remove();
  const app = new App(new Model(about, columns));
  fillToolbar(app);
  listenToScheme(app);
  app.draw();
  expose(app);
}

start().catch((error) => {
  const note = document.getElementById("broken");
  if (note) {
    note.hidden = false;
    note.textContent = `The drawings need a newer browser: ${error.message}`;
  }
  expose(null, String(error));
  throw error;
});
