// Links of our own HTML to pages of the menu open in the running session, as Streamlit's own links do: loading the app
// again takes a second. They have data-page; without this script, or with a modifier key, they are plain links.
document.addEventListener("click", event => {
  const link = event.target.closest("a[data-page]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState({}, "", link.href);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
});
document.addEventListener("animationstart", event => event.animationName === "print-all" && print()); // ui/widgets/printing.py
