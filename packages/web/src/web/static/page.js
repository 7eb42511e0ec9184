// Sorting and filtering of tables, and whether the live connection stands. Without it a page shows the same.
// A table whose head has `data-sort`; in the same section a `.filter` with `data-filter`s and a `.none`, if they are there.
"use strict";
(() => {
  function lively(table) {
    const section = table.closest("section");
    const filters = section.querySelector(".filter"), none = section.querySelector(".none");
    const heads = [...table.tHead.rows[0].cells];
    const first = heads.find((head) => head.ariaSort);
    let sorted = first && { by: first.dataset.sort, up: first.ariaSort === "ascending" };

    function filter() {
      const wanted = [...filters.querySelectorAll("[data-filter]")].map((one) => [one.dataset.filter, one.value.trim().toLowerCase()]);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const about = `${row.dataset.name} ${row.dataset.about}`.toLowerCase();
        const fits = wanted.every(([by, value]) => by === "text"
          ? value.split(/\s+/).every((word) => about.includes(word))
          : !value || row.dataset[by].toLowerCase() === value);
        row.hidden = !fits;
        shown += fits;
      }
      if (none) none.hidden = shown > 0;
    }

    function sort() {
      const { by, up } = sorted;
      const key = (row) => row.dataset[by];
      const text = "text" in heads.find((head) => head.dataset.sort === by).dataset;
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");  // unknown comes last
        const order = text ? key(a).localeCompare(key(b), "id") : key(a) - key(b);
        return (up ? order : -order) || a.dataset.name.localeCompare(b.dataset.name, "id");
      });
      table.tBodies[0].append(...rows);
      for (const head of heads) {
        if (head.dataset.sort === by) head.setAttribute("aria-sort", up ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      }
    }

    for (const head of heads.filter((head) => head.dataset.sort)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const by = head.dataset.sort;
        sorted = { by, up: sorted?.by === by ? !sorted.up : "text" in head.dataset };
        sort();
      });
    }
    if (filters) {
      filters.hidden = false;
      filters.addEventListener("input", filter);
    }
    document.body.addEventListener("htmx:sseMessage", () => {
      if (sorted) sort();
      if (filters) filter();
    });
  }

  new Set([...document.querySelectorAll("th[data-sort]")].map((head) => head.closest("table"))).forEach(lively);
  const live = (state) => () => document.body.dataset.live = state;
  document.body.addEventListener("htmx:sseOpen", live("on"));
  document.body.addEventListener("htmx:sseError", live("off"));
})();
