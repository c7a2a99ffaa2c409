// Tables that are in the page without this script: sorting, and the lines of the kernel's text.

/** Make the headings of a table sort its rows; a second click turns the order. */
function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.setAttribute("role", "button");
    const sort = () => {
      const descending = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortRows(table.tBodies[0], column, descending);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
}

/** Order the rows of a table body by a column: numbers by value, text by itself. */
function sortRows(body, column, descending) {
  const keyed = [...body.rows].map((row) => {
    const cell = row.cells[column];
    return { row, value: cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v) };
  });
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  keyed.sort((a, b) => (descending ? -1 : 1) * compare(a.value, b.value));
  body.append(...keyed.map(({ row }) => row));
}

/** `file:line:column` -> [file, line]. */
function splitPlace(where) {
  const match = /^(.*?):(\d+)(?::\d+)?$/.exec(where);
  return match ? [match[1], Number(match[2])] : [where, 0];
}

/** Rows of the listing and links to them. */
class SourceView {
  constructor(app) {
    this.app = app;
    this.lines = new Map();
    for (const row of document.querySelectorAll("table.source tr[data-line]")) {
      this.lines.set(`${row.dataset.file}:${row.dataset.line}`, row);
      if (row.classList.contains("hot")) row.tabIndex = 0;
    }
    document.addEventListener("click", (event) => this._clicked(event));
    document.addEventListener("keydown", (event) => {
      const row = event.key === "Enter" && event.target.closest?.("table.source tr[data-line]");
      if (row) app.chooseLine(row.dataset.file, Number(row.dataset.line));
    });
  }

  _clicked(event) {
    const link = event.target.closest("a[data-where]");
    if (link) {
      const [file, line] = splitPlace(link.dataset.where);
      if (this.reveal(file, line)) event.preventDefault();
      return;
    }
    const row = event.target.closest("table.source tr[data-line]");
    if (row && !window.getSelection().toString()) {
      this.app.chooseLine(row.dataset.file, Number(row.dataset.line));
    }
  }

  /** Open the file and scroll to a line; false if the page has no such line. */
  reveal(file, line) {
    const row = this.lines.get(`${file}:${line}`);
    if (!row) return false;
    row.closest("details").open = true;
    row.scrollIntoView({ block: "center" });
    this.mark(file, line);
    return true;
  }

  mark(file, line) {
    document.querySelector("table.source tr.chosen")?.classList.remove("chosen");
    this.lines.get(`${file}:${line}`)?.classList.add("chosen");
  }
}
