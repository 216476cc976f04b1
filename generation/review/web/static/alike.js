// Covers that look like the one on the screen: which of them are selected, and whether those of the same item are shown.
"use strict";

(() => {
  const boxes = (panel) => $$('.strip input[type="checkbox"]', panel);

  const tell = (panel) => {
    const chosen = boxes(panel).filter((box) => box.checked).map((box) => box.value);
    const form = $("form", panel);
    if (form) {
      form.elements.ids.value = chosen.join(",");
      for (const button of $$("button", form)) button.disabled = !chosen.length;
    }
    $("[data-chosen]", panel).textContent = `${chosen.length} selected`;
    const compare = $("[data-compare]", panel);
    compare.hidden = !chosen.length;
    compare.href = `/compare?ids=${chosen.join(",")}`;
  };

  const fill = async (panel, card, sameItem) => {
    try {
      panel.innerHTML = await ask(`/api/similar/${card.dataset.case}${sameItem ? "?same_item=1" : ""}`);
      localise(panel);
      if ($(".strip", panel)) tell(panel);
      panel.scrollIntoView({ block: "nearest" });
    } catch (error) { panel.textContent = error.message; }
  };

  globalThis.showSimilar = (card) => {
    const panel = $(".similar", card);
    panel.hidden = !panel.hidden;
    if (panel.hidden || panel.dataset.full) return;
    panel.textContent = "Looking…";
    panel.dataset.full = "1";
    fill(panel, card, false);
  };

  document.addEventListener("change", (event) => {
    const panel = event.target.closest(".similar");
    if (!panel) return;
    if (event.target.matches("[data-same-item]")) fill(panel, panel.closest("article"), event.target.checked).then(() => $("[data-same-item]", panel)?.focus());
    else if (event.target.closest(".strip")) tell(panel);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".similar [data-choose]");
    if (!button) return;
    const panel = button.closest(".similar");
    const [own, ...others] = boxes(panel);
    own.checked = button.dataset.choose !== "none";
    for (const box of others) box.checked = button.dataset.choose === "all" || (button.dataset.choose === "close" && box.hasAttribute("data-close"));
    tell(panel);
  });
})();
