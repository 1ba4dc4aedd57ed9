// Takes the reader's choices and shows the rows of data.js that they mean: two charts, and the same numbers as a table.
(() => {
  const form = document.getElementById("explorer");
  const { tables, levels, usual, charts } = window.EXPLORER;
  const METHODS = ["trained", "baseline", "proposed", "retrained"];
  const REFERENCES = ["trained", "retrained"]; // they stand beside every level
  const text = { labelColor: "currentColor", titleColor: "currentColor", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12 };
  const lines = { gridColor: "currentColor", gridOpacity: 0.13, domainColor: "currentColor", tickColor: "currentColor" };
  const config = { background: null, view: { stroke: null }, axis: { ...text, ...lines }, legend: text };

  // Offers [value, text] pairs; what was chosen before stays where it still is one of them.
  function offer(name, pairs, first) {
    const select = form.elements[name];
    const before = select.value;
    select.replaceChildren(...pairs.map(([value, shown]) => new Option(shown, value)));
    select.value = pairs.some(([value]) => value === before) ? before : first;
    return select.value;
  }

  // The arms of a model under a seed, at every level: rows of data.js as objects.
  function read(table, model, seed) {
    const names = Object.fromEntries(table.arms);
    return table.rows.filter((row) => row[0] === model && row[2] === seed).map(([, id, , at, seeds, d_t, d_r, ...classes]) => ({
      id, method: names[id], kind: METHODS.includes(id) ? id : "control", at, step: levels.indexOf(at), seeds, d_t, d_r, classes,
    }));
  }

  function draw(name, datasets, description) {
    const tooltip = { theme: document.documentElement.dataset.theme };
    const spec = { ...charts[name], datasets, description };
    window.vegaEmbed(`#explorer-${name}`, spec, { actions: false, renderer: "svg", config, tooltip });
  }

  function cell(tag, content, scope) {
    const made = document.createElement(tag);
    made.textContent = content;
    if (scope) made.scope = scope;
    return made;
  }

  function row(...cells) {
    const made = document.createElement("tr");
    made.append(...cells);
    return made;
  }

  function fill(names, here) {
    const heads = ["Arm", "Seeds", "Dₜ", "Dᵣ", ...names];
    form.querySelector("thead").replaceChildren(row(...heads.map((name) => cell("th", name, "col"))));
    form.querySelector("tbody").replaceChildren(...here.map((arm) => {
      const numbers = [arm.d_t, arm.d_r, ...arm.classes].map((value) => value.toFixed(1));
      return row(cell("th", arm.method, "row"), ...[arm.seeds, ...numbers].map((value) => cell("td", value)));
    }));
  }

  function show() {
    const table = tables[offer("table", tables.map(({ title }, at) => [String(at), title]), "0")];
    const model = offer("model", table.models.map((name) => [name, name]), table.models.at(-1));
    const seeds = new Set(table.rows.filter(([name]) => name === model).map(([, , seed]) => seed));
    const seed = offer("seed", [...seeds].map((name) => [name, name]), "mean");
    const level = offer("level", levels.map((name) => [name, name]), usual);
    const arms = read(table, model, seed);
    const here = arms.filter(({ id, at }) => at === level || REFERENCES.includes(id));
    const drawn = here.toSorted((one, other) => METHODS.includes(one.id) - METHODS.includes(other.id)); // on top of controls
    const path = arms.filter(({ id, at }) => ["baseline", "proposed"].includes(id) && at !== levels[0]);
    const chosen = offer("arm", here.map(({ id, method }) => [id, method]), "proposed");
    const arm = here.find(({ id }) => id === chosen);
    const trained = here.find(({ id }) => id === "trained");
    const names = table.classes.map((name, at) => (at === table.target ? `${name} (forgotten)` : name));
    const classes = names.map((name, at) => ({ name, kind: arm.kind, value: arm.classes[at], trained: trained?.classes[at] }));
    draw("map", { here: drawn, path }, `${table.title}, ${model}: retained against target accuracy; the table below has the numbers`);
    draw("bars", { classes }, `Accuracy of ${arm.method} on each class; the table below has the numbers`);
    fill(names, here);
    form.querySelector("output").textContent = here.filter(({ id }) => ["baseline", "proposed"].includes(id))
      .map(({ method, d_t, d_r }) => `${method}: Dₜ ${d_t.toFixed(1)} %, Dᵣ ${d_r.toFixed(1)} %`).join("; ");
  }

  form.hidden = false;
  form.addEventListener("change", show);
  show();
})();
