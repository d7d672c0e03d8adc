"use strict";
// A series' page: accuracy against the metric that is chosen, with its line, band, and the line over all models.
(() => {
  const data = zooData.regressions;
  const figure = document.getElementById("regression");
  const select = document.getElementById("regression-metric");
  const kind = `${data.accuracy} on ${data.dataset}`;
  const whole = zoo.whole(data.accuracies);

  function draw() {
    const metric = select.value;
    const { values, line, band, pooled } = data.metrics[metric];
    const places = data.models.map((row, i) => i).filter((i) => values[i] !== null && data.accuracies[i] !== null);
    const heights = [...places.map((i) => data.accuracies[i]), ...(line ?? []).map(([, y]) => y)];
    zoo.chart(figure.querySelector(".canvas"), {
      label: `${kind} against ${metric}`,
      describedBy: `told-${metric}`,
      x: { domain: zoo.domain(places.map((i) => values[i])), title: `${metric}, mean over layers` },
      y: { domain: zoo.domain(heights), title: kind },
      layers: [
        ...(band ? [{ type: "area", rows: band, class: "interval" }] : []),
        ...(pooled ? [{ type: "line", points: pooled, class: "dashed" }] : []),
        ...(line ? [{ type: "line", points: line, class: "fit" }] : []),
        { type: "points", rows: places.map((i) => ({ x: values[i], y: data.accuracies[i], radius: 5, class: "c0", href: data.models[i][1] ? `../${data.models[i][1]}` : null, title: `${data.models[i][0]}: ${metric} ${zoo.number(values[i])}, ${kind} ${zoo.number(data.accuracies[i], whole)}` })) },
      ],
      legend: [
        { text: "a model", class: "c0" },
        ...(line ? [{ text: "least squares", as: "line", class: "fit" }] : []),
        ...(band ? [{ text: "its 95 % band", as: "band", class: "area" }] : []),
        ...(pooled ? [{ text: "over all models", as: "line", class: "dashed" }] : []),
      ],
    });
    figure.querySelector("figcaption").textContent = `${places.length} models by their reported ${kind} and ${metric}.`;
    for (const sentence of document.querySelectorAll(".sentences li")) {
      if (sentence.id === `told-${metric}`) sentence.setAttribute("aria-current", "true");
      else sentence.removeAttribute("aria-current");
    }
  }

  for (const metric of Object.keys(data.metrics)) select.append(zoo.element("option", { value: metric }, metric));
  select.value = Object.keys(data.metrics).reduce((a, b) => (Math.abs(data.metrics[b].tau) > Math.abs(data.metrics[a].tau) ? b : a));
  select.addEventListener("input", draw);
  draw();
})();
