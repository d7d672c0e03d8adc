"use strict";
// Elements, numbers and sortable tables. Texts only ever become text nodes or attributes.
const zoo = {
  element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  },

  // As `shown_number` has it: four significant digits, or the whole number in a column of such.
  number(value, whole) {
    if (value === null || value === undefined) return "";
    const size = Math.abs(value);
    if (!size) return "0";
    const text = whole || (size >= 999.95 && size < 1e7) ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : size >= 1e7 || size < 1e-3 ? value.toExponential(3) : value.toPrecision(4);
    return text.replaceAll("-", "−").replace("e+", "e");
  },
  whole: (values) => values.every((each) => each === null || (Number.isInteger(each) && Math.abs(each) < 1e7)),

  // A text whose lines may break after what parts names, as `broken` of the templates.
  broken: (text) => text.split(/(?<=[/._](?=[^/._]))/).flatMap((part, place) => (place ? [zoo.element("wbr"), part] : [part])),

  scaled(value) {
    if (value === null || value === undefined) return "";
    for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
      if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
    }
    return String(value);
  },

  // Null, and what is no number, comes last whichever the direction.
  compare(a, b, down) {
    const [none, other] = [a === null || a === undefined || a === "", b === null || b === undefined || b === ""];
    if (none || other) return none - other;
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return down ? -order : order;
  },

  web(address) {
    return /^https?:\/\/[^\s"'<>]+$/.test(address ?? "") ? address : null;
  },

  sortButton(heading, sort) {
    const button = zoo.element("button", { type: "button" }, ...heading.childNodes);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(down);
    });
    heading.append(button);
  },
};

(() => {
  const units = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  function value(cell) {
    const text = cell.textContent.trim();
    const found = /^([−-]?[\d,]*\.?\d+(?:e[−-]?\d+)?)(?: ?([kMGT%])?(?:B\b.*)?| of [\d,]+)?$/.exec(text);
    if (!found) return text;
    return Number(found[1].replaceAll(",", "").replaceAll("−", "-")) * (units[found[2]] ?? 1);
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      zoo.sortButton(heading, (down) => {
        const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
        rows.sort((a, b) => zoo.compare(a[0], b[0], down));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }
})();
