// Sorting and filtering of the schools, and whether the live connection stands. Without it the page shows the same.
"use strict";
(() => {
  const table = document.getElementById("schools");
  const filters = document.querySelector(".filter");
  const none = document.querySelector(".none");
  let sorted = { by: "remaining", up: false };

  const wanted = (name) => filters.querySelector(`[data-filter=${name}]`).value.trim().toLowerCase();

  function filter() {
    const text = wanted("text").split(/\s+/), kind = wanted("kind"), kecamatan = wanted("kecamatan");
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const about = `${row.dataset.name} ${row.dataset.about}`.toLowerCase();
      const fits = text.every((word) => about.includes(word)) &&
        (!kind || row.dataset.kind.toLowerCase() === kind) &&
        (!kecamatan || row.dataset.kecamatan.toLowerCase() === kecamatan);
      row.hidden = !fits;
      shown += fits;
    }
    none.hidden = shown > 0;
  }

  function sort() {
    const { by, up } = sorted;
    const key = (row) => row.dataset[by];
    const text = by === "name" || by === "visit";
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");  // unknown comes last
      const order = text ? key(a).localeCompare(key(b), "id") : key(a) - key(b);
      return (up ? order : -order) || a.dataset.name.localeCompare(b.dataset.name, "id");
    });
    table.tBodies[0].append(...rows);
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.sort === by) head.setAttribute("aria-sort", up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const by = head.dataset.sort;
      sorted = { by, up: sorted.by === by ? !sorted.up : by === "name" || by === "visit" };
      sort();
    });
  }
  filters.hidden = false;
  filters.addEventListener("input", filter);
  document.body.addEventListener("htmx:sseMessage", () => {
    sort();
    filter();
  });
  const live = (state) => () => document.body.dataset.live = state;
  document.body.addEventListener("htmx:sseOpen", live("on"));
  document.body.addEventListener("htmx:sseError", live("off"));
})();
