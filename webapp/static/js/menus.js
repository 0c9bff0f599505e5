// Menus that open from a <details>: closed by Escape and by a click elsewhere. And the switch of the theme.

export function startMenus() {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll(".menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
  });
  addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".menu[open]")) {
      if (!menu.contains(event.target)) {
        menu.open = false;
      }
    }
  });
  for (const form of document.querySelectorAll("form[data-theme-switch]")) {
    form.addEventListener("submit", switchTheme);
  }
}

function switchTheme(event) {
  event.preventDefault();
  const root = document.documentElement;
  const shown = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const chosen = shown === "dark" ? "light" : "dark";
  root.dataset.theme = chosen;
  document.cookie = `theme=${chosen}; path=/; max-age=31536000; samesite=lax`;
  dispatchEvent(new Event("daytrade:theme"));
}
