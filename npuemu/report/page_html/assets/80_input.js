// Wheel, drag, keys and pointer: what moves the view and what shows details.

const KEY_STEP = 0.25;   // of the cycles in view

/** Wheel and drag on an element whose canvas has the shared time axis. */
function moveWith(app, element, clicked, vertical) {
  const { view } = app;
  let drag = null;
  element.addEventListener("wheel", (event) => {
    const x = event.clientX - element.getBoundingClientRect().left;
    if (event.ctrlKey || (x < GUTTER && !event.shiftKey)) return;  // over the names it scrolls
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 30 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.pan((event.deltaX || event.deltaY) * unit * view.step);
    } else view.zoom(Math.exp(Math.max(-300, Math.min(300, event.deltaY * unit)) * 0.002), view.time(x));
  }, { passive: false });
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.offsetX > element.clientWidth) return;
    drag = { x: event.clientX, y: event.clientY, top: element.scrollTop, moved: false, id: event.pointerId };
  });
  element.addEventListener("pointermove", (event) => {
    const box = element.getBoundingClientRect();
    if (!drag) {
      app.hover(element, event.clientX - box.left, event.clientY - box.top, event);
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.abs(dx) + Math.abs(dy) < 5) return;
    if (!drag.moved) element.setPointerCapture(drag.id);
    drag.moved = true;
    if (vertical) element.scrollTop = drag.top - dy;
    view.pan(-dx * view.step);
    drag.x = event.clientX;
  });
  element.addEventListener("pointerup", (event) => {
    const was = drag;
    drag = null;
    if (!was || was.moved) return;
    const box = element.getBoundingClientRect();
    clicked(event.clientX - box.left, event.clientY - box.top);
  });
  element.addEventListener("pointercancel", () => (drag = null));
  element.addEventListener("pointerleave", () => app.leave());
  element.addEventListener("dblclick", (event) => {
    const x = event.clientX - element.getBoundingClientRect().left;
    if (x > GUTTER) view.zoom(0.4, view.time(x));
  });
}

/** The strip that shows the whole run: press or drag to go there. */
function moveOverview(app, canvas) {
  const go = (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const { view } = app;
    const share = Math.min(1, Math.max(0, (x - GUTTER) / view.width));
    const middle = view.low + share * (view.high - view.low);
    view.pan(middle - (view.first + view.last) / 2);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    go(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons & 1 && go(event));
}

/** Keys of the page; none while something is typed or chosen in a form. */
function listenToKeys(app) {
  const { view } = app;
  const long = () => view.last - view.first;
  const centre = () => app.pointer ?? (view.first + view.last) / 2;
  const keys = {
    w: () => view.zoom(1 / 1.5, centre()),
    s: () => view.zoom(1.5, centre()),
    a: () => view.pan(-KEY_STEP * long()),
    d: () => view.pan(KEY_STEP * long()),
    "0": () => view.fit(),
    f: () => app.zoomToSelected(),
    "[": () => app.step(-1),
    "]": () => app.step(1),
    ",": () => app.stepMarked(-1),
    ".": () => app.stepMarked(1),
    Escape: () => app.clear(),
    "?": () => app.toggleHelp(),
  };
  const arrows = { ArrowUp: "w", ArrowDown: "s", ArrowLeft: "a", ArrowRight: "d" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea")) return;
    // Arrow keys scroll the page unless a drawing has the focus.
    const focused = event.target.closest?.(".scroller");
    const action = keys[event.key] ?? (focused && keys[arrows[event.key]]);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
