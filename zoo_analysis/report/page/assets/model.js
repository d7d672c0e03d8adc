"use strict";
// A model's page: metrics over depth, and the spectrum of the layer that is chosen, loaded when it is asked for.
(() => {
  const data = zooData.depth;
  const get = (id) => document.getElementById(id);
  const kinds = [...new Set(data.kinds)];

  function drawDepth() {
    const metric = get("depth-metric").value;
    const values = data.metrics[metric];
    const places = data.layers.map((name, i) => i).filter((i) => values[i] !== null);
    const ringed = places.filter((i) => data.named[i] && Object.entries(data.marked).some(([word, metrics]) => data.named[i].includes(word) && (!metrics.length || metrics.includes(metric))));
    const alpha = metric === "alpha";
    const span = [...places.map((i) => values[i]), ...(alpha ? data.band : []), ...(alpha && data.flow ? data.flow : [])];
    const whole = zoo.whole(values);
    const title = (i) => `${data.layers[i]} (${data.kinds[i]}): ${zoo.number(values[i], whole)}${data.named[i] ? `; ${data.named[i]}` : ""}`;
    zoo.chart(get("depth").querySelector(".canvas"), {
      label: `${metric}. ${get("depth").dataset.text}`,
      x: { domain: [-0.02, 1.02], title: "relative depth" },
      y: { domain: zoo.domain(span), title: metric },
      layers: [
        ...(alpha ? [{ type: "band", y: data.band, class: "good" }] : []),
        ...(alpha && data.flow ? [{ type: "line", points: [[0, data.flow[0]], [1, data.flow[1]]], class: "dashed" }] : []),
        { type: "points", rows: places.map((i) => ({ x: data.positions[i], y: values[i], shape: kinds.indexOf(data.kinds[i]), class: zoo.colour(kinds.indexOf(data.kinds[i])), title: title(i), press: () => choose(data.spectra.layers.indexOf(data.layers[i])) })) },
        { type: "points", rows: ringed.map((i) => ({ x: data.positions[i], y: values[i], radius: 7, class: "ring" })) },
      ],
      legend: [...kinds.map((text, k) => ({ text, shape: k, class: zoo.colour(k) })), ...(alpha ? [{ text: "α from 2 to 6, neither over- nor under-trained", as: "band", class: "good" }] : []), ...(alpha && data.flow ? [{ text: "correlation flow", as: "line", class: "dashed" }] : []), ...(ringed.length ? [{ text: "named by a diagnosis", class: "ring" }] : [])],
    });
  }

  const loaded = new Map();
  // A file of spectra as a script: a page from disk may load those, and nothing else.
  function load(number) {
    if (!loaded.has(number)) {
      const name = `data/${data.spectra.stem}-${number}.js`;
      loaded.set(number, new Promise((done, failed) => {
        const script = zoo.element("script", { src: `../${name}` });
        script.addEventListener("load", () => done(zooData[name]));
        script.addEventListener("error", () => failed(new Error(name)));
        document.head.append(script);
      }));
    }
    return loaded.get(number);
  }

  const RULES = { xmin: "xmin", "bulk's edge λ+": "edge" };
  let wanted = 0;
  async function choose(i) {
    if (i < 0) return;
    get("layer").value = String(wanted = i);
    get("previous").disabled = i === 0;
    get("next").disabled = i === data.spectra.layers.length - 1;
    const [figure, canvas] = [get("spectrum"), get("spectrum").querySelector(".canvas")];
    const caption = figure.querySelector("figcaption");
    let spectrum;
    try {
      spectrum = (await load(Math.floor(i / data.spectra.per)))[i % data.spectra.per];
    } catch (error) {
      caption.textContent = `The file ${error.message} is not there.`;
      return;
    }
    if (i !== wanted) return;
    if (!spectrum) {
      canvas.replaceChildren();
      caption.textContent = `The store has no eigenvalues of ${data.spectra.layers[i]}.`;
      return;
    }
    drawSpectrum(canvas, data.spectra.layers[i], spectrum);
    const bins = spectrum.counts.length === 1 ? "1 bin" : `${spectrum.counts.length} bins`;
    caption.textContent = `${data.spectra.layers[i]}: ${spectrum.text} ${bins} of equal width in log λ.`;
  }

  function drawSpectrum(canvas, name, spectrum) {
    const [low, high] = spectrum.ends;
    const bins = spectrum.counts.length;
    const edge = (k) => low * (high / low) ** (k / bins);
    const bars = spectrum.counts.map((count, k) => [edge(k), edge(k + 1), count / spectrum.of / (edge(k + 1) - edge(k)), `λ ${zoo.number(edge(k))} to ${zoo.number(edge(k + 1))}: ${count}`]).filter((row, k) => spectrum.counts[k]);
    const bulk = spectrum.bulk ? spectrum.bulk[2].map((height, k) => [spectrum.bulk[0] * (spectrum.bulk[1] / spectrum.bulk[0]) ** (k / (spectrum.bulk[2].length - 1)), height]) : [];
    const tallest = Math.max(...bars.map((row) => row[2]), ...bulk.map((row) => row[1]), ...spectrum.law.map((row) => row[1]));
    const lowest = Math.min(...bars.map((row) => row[2]));
    const above = bulk.filter(([, height]) => height > lowest / 4);
    const rules = spectrum.rules.filter(([, , to]) => to === null);
    const bands = spectrum.rules.filter(([, , to]) => to !== null);
    zoo.chart(canvas, {
      label: `Spectrum of ${name}. ${spectrum.text}`,
      x: { log: true, domain: zoo.domain([low, high, ...spectrum.rules.flatMap(([, a, b]) => [a, b])], true), title: "eigenvalue λ of WᵀW" },
      y: { log: true, domain: [lowest / 2, tallest * 2], title: "density per unit of λ" },
      layers: [
        { type: "bars", rows: bars, class: "c5" },
        ...bands.map(([, a, b]) => ({ type: "band", x: [a, b], class: "shuffled" })),
        ...(above.length ? [{ type: "line", points: above, class: "bulk" }] : []),
        ...(spectrum.law.length ? [{ type: "line", points: spectrum.law, class: "law" }] : []),
        ...rules.map(([what, value]) => ({ type: "rule", x: value, class: RULES[what] ?? "edge", title: `${what} ${zoo.number(value)}` })),
        { type: "ticks", values: spectrum.spikes, class: "spike" },
      ],
      legend: [
        { text: "eigenvalues", as: "bar", class: "c5" },
        ...(spectrum.law.length ? [{ text: "power law", as: "line", class: "law" }] : []),
        ...(above.length ? [{ text: "Marchenko–Pastur bulk", as: "line", class: "bulk" }] : []),
        ...rules.map(([what]) => ({ text: what, as: "rule", class: RULES[what] ?? "edge" })),
        ...bands.map(([what]) => ({ text: what, as: "band", class: "shuffled" })),
        ...(spectrum.spikes.length ? [{ text: "spikes", as: "rule", class: "spike" }] : []),
      ],
    });
  }

  const told = Object.keys(data.metrics).filter((metric) => data.metrics[metric].some((each) => each !== null));
  get("depth-metric").append(...(told.length ? told : ["alpha"]).map((metric) => zoo.element("option", { value: metric }, metric)));
  get("depth-metric").addEventListener("input", drawDepth);
  drawDepth();
  get("layer").append(...data.spectra.layers.map((name, i) => zoo.element("option", { value: String(i) }, name)));
  get("layer").addEventListener("input", () => choose(Number(get("layer").value)));
  get("previous").addEventListener("click", () => choose(wanted - 1));
  get("next").addEventListener("click", () => choose(wanted + 1));
  for (const cell of document.querySelectorAll("#layers [data-spectrum]")) {
    const button = zoo.element("button", { type: "button", class: "layer", title: "draw its spectrum" }, ...cell.childNodes);
    button.addEventListener("click", () => { choose(Number(cell.dataset.spectrum)); get("spectrum").scrollIntoView({ block: "center" }); });
    cell.append(button);
  }
  choose(data.spectra.first);
})();
