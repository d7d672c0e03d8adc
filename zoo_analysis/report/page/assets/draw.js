"use strict";
// Charts as SVG: axes, bands, bars, lines, rules and points, as wide as their place; colours are the style sheet's.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const SHAPES = [
    (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
    (r) => `M0,${-1.2 * r}L${1.15 * r},${r}H${-1.15 * r}z`,
    (r) => `M0,${-1.35 * r}L${1.35 * r},0L0,${1.35 * r}L${-1.35 * r},0z`,
    (r) => `M0,${1.2 * r}L${1.15 * r},${-r}H${-1.15 * r}z`,
    (r) => `M${-r},${-0.4 * r}h${0.6 * r}v${-0.6 * r}h${0.8 * r}v${0.6 * r}h${0.6 * r}v${0.8 * r}h${-0.6 * r}v${0.6 * r}h${-0.8 * r}v${-0.6 * r}h${-0.6 * r}z`,
  ];
  const COLOURS = 8;

  function node(name, attributes = {}, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function scale(axis, from, to) {
    const convert = axis.log ? Math.log10 : (value) => value;
    const [low, high] = axis.domain.map(convert);
    return (value) => from + ((convert(value) - low) / (high - low || 1)) * (to - from);
  }

  function ticks(axis, room) {
    const [low, high] = axis.domain;
    if (axis.log) {
      const decades = Math.log10(high / low);
      const factors = decades > 2 ? [1] : decades > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
      const step = Math.max(1, Math.ceil(decades / Math.max(2, room)));
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
        if (power % step) continue;
        for (const factor of factors) {
          const value = factor * 10 ** power;
          if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
        }
      }
      return found;
    }
    const rough = (high - low) / Math.max(2, room) || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
    return found;
  }

  const superscript = (power) => String(power).replace(/./g, (each) => ({ "-": "⁻" })[each] ?? "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(each)]);
  function told(value, axis) {
    if (axis.log) {
      const power = Math.log10(value);
      if (Math.abs(power - Math.round(power)) < 1e-9 && Math.abs(power) > 3) return `10${superscript(Math.round(power))}`;
    }
    const rounded = Number(value.toPrecision(6));
    return (Math.abs(rounded) >= 1e6 || (rounded && Math.abs(rounded) < 1e-4) ? rounded.toExponential() : String(rounded)).replaceAll("-", "−");
  }

  function mark(x, y, shape, radius, attributes, title) {
    const made = node("path", { d: SHAPES[shape % SHAPES.length](radius), transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`, ...attributes });
    if (title) made.append(node("title", {}, title));
    return made;
  }

  const LAYERS = {
    band: (layer, at) => [node("rect", { class: `band ${layer.class}`, ...box(at, layer.x ?? at.x.domain, layer.y ?? at.y.domain) })],
    bars: (layer, at) => layer.rows.map(([x0, x1, y, title]) => {
      const made = node("rect", { class: `bar ${layer.class}`, ...box(at, [x0, x1], [at.y.domain[0], y]) });
      made.append(node("title", {}, title));
      return made;
    }),
    line: (layer, at) => [node("path", { class: `line ${layer.class}`, d: layer.points.map(([x, y], k) => `${k ? "L" : "M"}${at.across(x).toFixed(1)},${at.down(y).toFixed(1)}`).join("") })],
    area: (layer, at) => {
      const edge = (points, first) => points.map(([x, y], k) => `${k || !first ? "L" : "M"}${at.across(x).toFixed(1)},${at.down(y).toFixed(1)}`).join("");
      return [node("path", { class: `area ${layer.class}`, d: `${edge(layer.rows.map(([x, low]) => [x, low]), true)}${edge(layer.rows.map(([x, , high]) => [x, high]).reverse(), false)}z` })];
    },
    rule: (layer, at) => [node("line", { class: `rule ${layer.class}`, x1: at.across(layer.x), x2: at.across(layer.x), y1: at.top, y2: at.bottom }, node("title", {}, layer.title ?? ""))],
    ticks: (layer, at) => layer.values.map((x) => node("line", { class: `tick ${layer.class}`, x1: at.across(x), x2: at.across(x), y1: at.bottom - 12, y2: at.bottom - 1 })),
    points: (layer, at) => layer.rows.map((row) => {
      const made = mark(at.across(row.x), at.down(row.y), row.shape ?? 0, row.radius ?? 4, { class: `point ${row.class}` }, row.title);
      if (row.press) { made.classList.add("live"); made.addEventListener("click", row.press); }
      return row.href ? node("a", { href: row.href, tabindex: "-1" }, made) : made;
    }),
  };

  function box(at, x, y) {
    const [x0, x1] = x.map(at.across);
    const [y1, y0] = y.map(at.down);
    return { x: x0.toFixed(2), width: Math.max(0.5, x1 - x0).toFixed(2), y: Math.min(y0, y1).toFixed(2), height: Math.abs(y1 - y0).toFixed(2) };
  }

  function draw(canvas, spec) {
    const width = Math.max(260, canvas.clientWidth);
    const height = spec.height ?? Math.round(Math.min(360, 180 + width / 4));
    const [left, right, top, bottom] = [58, width - 28, 10, height - 44];
    const { x, y } = spec;
    const at = { x, y, top, bottom, across: scale(x, left, right), down: scale(y, bottom, top) };
    const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.label, "aria-describedby": spec.describedBy });
    const axes = node("g", { class: "axes", "aria-hidden": "true" });
    for (const value of ticks(x, (right - left) / 80)) {
      const place = at.across(value);
      axes.append(node("line", { x1: place, x2: place, y1: top, y2: bottom }), node("text", { x: place, y: bottom + 16, "text-anchor": "middle" }, told(value, x)));
    }
    for (const value of ticks(y, (bottom - top) / 50)) {
      const place = at.down(value);
      axes.append(node("line", { x1: left, x2: right, y1: place, y2: place }), node("text", { x: left - 6, y: place + 4, "text-anchor": "end" }, told(value, y)));
    }
    axes.append(node("text", { class: "title", x: (left + right) / 2, y: height - 8, "text-anchor": "middle" }, x.title), node("text", { class: "title", "text-anchor": "middle", transform: `translate(13,${(top + bottom) / 2}) rotate(-90)` }, y.title));
    const clip = `clip-${canvas.parentNode.id}`;
    const inner = node("g", { "clip-path": `url(#${clip})` });
    for (const layer of spec.layers) inner.append(...LAYERS[layer.type](layer, at));
    svg.append(node("clipPath", { id: clip }, node("rect", { x: left - 6, y: top - 6, width: right - left + 12, height: bottom - top + 6 })), axes, inner);
    const legend = zoo.element("ul", { class: "legend" }, ...(spec.legend ?? []).map(({ text, class: kind, shape, as }) => {
      const key = node("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" });
      key.append(as === "line" ? node("path", { class: `line ${kind}`, d: "M-8,0H8" }) : as === "rule" ? node("path", { class: `rule ${kind}`, d: "M0,-8V8" }) : as === "bar" ? node("rect", { class: `bar ${kind}`, x: -7, y: -6, width: 14, height: 12 }) : as === "band" ? node("rect", { class: `band ${kind}`, x: -7, y: -6, width: 14, height: 12 }) : mark(0, 0, shape ?? 0, 5, { class: `point ${kind}` }));
      return zoo.element("li", {}, key, zoo.element("bdi", {}, text));
    }));
    canvas.replaceChildren(svg, legend);
    canvas.dataset.drawn = "yes";
  }

  const drawn = new Map();
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const known = drawn.get(target);
      if (known && known.width !== target.clientWidth) { known.width = target.clientWidth; draw(target, known.spec); }
    }
  });
  zoo.chart = (canvas, spec) => {
    draw(canvas, spec);
    if (!drawn.has(canvas)) watch.observe(canvas);
    drawn.set(canvas, { spec, width: canvas.clientWidth });
  };
  zoo.colour = (place) => `c${place % COLOURS}`;
  // Ends of an axis that hold all values, with some room; of one value around it.
  zoo.domain = (values, log = false) => {
    const known = values.filter((each) => each !== null && each !== undefined && (!log || each > 0));
    if (!known.length) return log ? [1, 10] : [0, 1];
    const [low, high] = known.reduce(([a, b], each) => [Math.min(a, each), Math.max(b, each)], [Infinity, -Infinity]);
    if (log) return [low / 1.25, high * 1.25];
    const room = (high - low) * 0.05 || Math.abs(low) * 0.05 || 0.5;
    return [low - room, high + room];
  };
})();
