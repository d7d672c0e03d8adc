"use strict";
// The leaderboard: a view of columns that are sorted, filtered and drawn a hundred rows at a time.
(() => {
  const data = zooData.leaderboard;
  const [PAGE, NAME, SERIES, LIBRARY, PARAMETERS, ACCURACY, KIND, SOURCE, ADDRESS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const FORMS = { "": "mean", _median: "median", _by_tail: "by size of tail" };
  const AVERAGED = { "": "the mean over layers", _median: "the median over layers", _by_tail: "the mean over layers, weighted by the size of their tails" };
  const QUALITIES = { all: "all that have a fit", clear: "those with a clear tail" };
  const SIZES = [["under 1 M", 0, 1e6], ["1 M to 10 M", 1e6, 1e7], ["10 M to 100 M", 1e7, 1e8], ["100 M to 1 G", 1e8, 1e9], ["1 G to 10 G", 1e9, 1e10], ["10 G and more", 1e10, Infinity]];
  const AT_ONCE = 100;
  const get = (id) => document.getElementById(id);
  const board = get("board");
  const controls = Object.fromEntries(["search", "series", "library", "size", "metric", "form", "quality"].map((id) => [id, get(id)]));
  let order = { key: null, down: false };
  let shown = AT_ONCE;

  function options(select, pairs) {
    select.append(...pairs.map(([value, text]) => zoo.element("option", { value }, text)));
  }
  const distinct = (column) => [...new Set(data.models.map((row) => row[column]))].filter((each) => each !== null).sort();
  const short = (text) => (text.length > 60 ? `${text.slice(0, 40)}…${text.slice(-16)}` : text);
  for (const [id, column, none] of [["series", SERIES, "no series"], ["library", LIBRARY, "unknown"]]) {
    const values = distinct(column);
    options(controls[id], [["", "all"], ...values.map((each) => [`=${each}`, short(each)])]);
    if (data.models.some((row) => row[column] === null)) options(controls[id], [["-", none]]);
  }
  options(controls.size, [["", "all"], ...SIZES.map(([text], place) => [String(place), text])]);
  options(controls.metric, [...Object.keys(data.metrics), "random_like"].map((each) => [each, each]));
  options(controls.form, Object.entries(FORMS));
  options(controls.quality, Object.entries(QUALITIES));
  controls.metric.value = data.rankedBy;

  const column = (metric, quality = controls.quality.value) => data.ranked[quality][metric];
  const formed = (metric) => (metric === "random_like" ? metric : metric + controls.form.value);
  const chosen = () => column(formed(controls.metric.value));
  const about = (metric) => (data.metrics[metric] ? `${data.metrics[metric]}; ${AVERAGED[controls.form.value]}` : "share of its layers that look random");
  const wholeAccuracies = zoo.whole(data.models.map((row) => row[ACCURACY]));
  const kind = (each) => [each.right && "number", each.words && "words", each.chosen && "chosen"].filter(Boolean).join(" ") || null;

  function columns() {
    const ranked = chosen();
    return [
      { key: "name", head: "Model", of: (i) => data.models[i][NAME] },
      { key: "rank", head: "Rank", right: true, of: (i) => ranked.rank[i], text: (i) => (ranked.rank[i] === null ? "" : `${ranked.rank[i]} of ${ranked.of[i]}`), about: "within its series, by the metric chosen" },
      { key: "chosen", head: formed(controls.metric.value), right: true, about: about(controls.metric.value), whole: zoo.whole(ranked.value), of: (i) => ranked.value[i], chosen: true },
      { key: "accuracy", head: "Accuracy", right: true, whole: wholeAccuracies, of: (i) => data.models[i][ACCURACY], about: "as reported; its source on hover, and on the model's page" },
      { key: "remark", head: "Remark", words: true, of: (i) => data.texts[ranked.remark[i] ?? 0] },
      { key: "series", head: "Series", of: (i) => data.models[i][SERIES] },
      { key: "parameters", head: "Parameters", right: true, of: (i) => data.models[i][PARAMETERS], text: (i) => zoo.scaled(data.models[i][PARAMETERS]) },
      ...Object.keys(data.metrics).filter((metric) => metric !== controls.metric.value).map((metric) => {
        const values = column(formed(metric)).value;
        return { key: metric, head: formed(metric), right: true, about: about(metric), whole: zoo.whole(values), of: (i) => values[i] };
      }),
      { key: "random_like", head: "random", right: true, about: about("random_like"), of: (i) => column("random_like", "all").value[i], text: (i) => { const share = column("random_like", "all").value[i]; return share === null ? "" : `${Number((100 * share).toPrecision(3))} %`; } },
      { key: "library", head: "Library", of: (i) => data.models[i][LIBRARY] },
    ];
  }

  function matching() {
    const words = controls.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const size = controls.size.value === "" ? null : SIZES[Number(controls.size.value)];
    const is = (choice, value) => choice === "" || (choice === "-" ? value === null : choice.slice(1) === value);
    return data.models.map((row, i) => i).filter((i) => {
      const row = data.models[i];
      const name = row[NAME].toLowerCase();
      return words.every((word) => name.includes(word)) && is(controls.series.value, row[SERIES]) && is(controls.library.value, row[LIBRARY]) && (size === null || (row[PARAMETERS] !== null && row[PARAMETERS] >= size[1] && row[PARAMETERS] < size[2]));
    });
  }

  // Of each series the first rank first, as `zoo query leaderboard` has them.
  function sorted(rows, all) {
    const by = all.find((each) => each.key === order.key);
    const ranked = chosen();
    const usual = (a, b) => zoo.compare(data.models[a][SERIES], data.models[b][SERIES]) || zoo.compare(ranked.rank[a], ranked.rank[b]) || zoo.compare(data.models[a][NAME], data.models[b][NAME]);
    return rows.sort((a, b) => (by ? zoo.compare(by.of(a), by.of(b), order.down) : 0) || usual(a, b));
  }

  function cell(each, i) {
    const row = data.models[i];
    if (each.key === "name") return zoo.element("th", { scope: "row" }, zoo.element("a", { href: row[PAGE], title: row[NAME].length > 60 ? row[NAME] : null }, zoo.element("bdi", {}, ...zoo.broken(short(row[NAME])))));
    const text = each.text ? each.text(i) : each.right ? zoo.number(each.of(i), each.whole) : (each.of(i) ?? "");
    const made = zoo.element("td", { class: kind(each) });
    if (each.key === "accuracy" && text !== "") {
      const told = `${row[KIND]}, as reported by ${row[SOURCE] ?? "an unknown source"}`;
      const address = zoo.web(row[ADDRESS]);
      made.append(address ? zoo.element("a", { href: address, title: told, rel: "noopener noreferrer nofollow" }, text) : zoo.element("span", { title: told, tabindex: "0", "aria-label": `${text}, ${told}` }, text));
    } else made.append(each.right || each.words ? text : zoo.element("bdi", {}, ...zoo.broken(short(text))));
    return made;
  }

  function draw() {
    const all = columns();
    const rows = sorted(matching(), all);
    const head = zoo.element("tr");
    for (const each of all) {
      const heading = zoo.element("th", { scope: "col", title: each.about ?? null, class: kind(each), "data-key": each.key, "aria-sort": each.key === order.key ? (order.down ? "descending" : "ascending") : null }, ...zoo.broken(each.head));
      zoo.sortButton(heading, (down) => { order = { key: each.key, down }; draw(); board.tHead.querySelector(`[data-key="${each.key}"] button`).focus(); });
      head.append(heading);
    }
    board.tHead.replaceChildren(head);
    board.tBodies[0].replaceChildren(...rows.slice(0, shown).map((i) => zoo.element("tr", {}, ...all.map((each) => cell(each, i)))));
    const count = Math.min(shown, rows.length);
    get("told").textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} models shown` + (rows.length < data.models.length ? `, of ${data.models.length.toLocaleString("en")} in all.` : ".");
    get("more").hidden = get("all").hidden = count === rows.length;
  }

  // What was chosen is in the address, so that a view can be passed on.
  function remember() {
    const told = new URLSearchParams();
    for (const [id, control] of Object.entries(controls)) if (control.value !== (id === "metric" ? data.rankedBy : id === "quality" ? "all" : "")) told.set(id, control.value);
    if (order.key) told.set("sort", (order.down ? "-" : "") + order.key);
    history.replaceState(null, "", told.size ? `#${told}` : location.pathname.split("/").pop() || "index.html");
  }
  function recall() {
    for (const [id, value] of new URLSearchParams(location.hash.slice(1))) {
      if (id === "sort") order = { key: value.replace(/^-/, ""), down: value.startsWith("-") };
      else if (controls[id] && (id === "search" || [...controls[id].options].some((each) => each.value === value))) controls[id].value = value;
    }
  }
  const changed = () => { shown = AT_ONCE; remember(); draw(); };
  for (const control of Object.values(controls)) control.addEventListener("input", changed);
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("filters").addEventListener("reset", () => setTimeout(() => { controls.metric.value = data.rankedBy; order = { key: null, down: false }; changed(); }));
  get("more").addEventListener("click", () => { shown += AT_ONCE; draw(); });
  get("all").addEventListener("click", () => { shown = Infinity; draw(); });
  recall();
  draw();
})();
