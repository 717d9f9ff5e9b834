// Forms: ask before changes are lost, put the focus where it belongs, and keep drafts of set-up forms in this tab.
// Python marks the parts by the keys of containers (ui/widgets/forms.py): every form has one with _cancel_, problem_KEY is
// the problem of the field KEY, and refusal_N stands where a save was refused.
(() => {
  const TEXT = 'textarea:not(:disabled), input:is([type="text"], [type="email"], [type="tel"], [type="number"]):not(:disabled, [role="combobox"])';
  const FIELD = `${TEXT}, input:is([type="checkbox"], [type="datetime-local"], [role="combobox"]):not(:disabled), [role="radiogroup"]:not([aria-disabled="true"]), [data-testid="stMultiSelect"]`;
  const CANCEL = '[class*="_cancel_"]', CLOSE = 'button[aria-label="Close"]';
  const find = (selector, root = document) => root.querySelector(selector);
  const list = (selector, root = document) => [...root.querySelectorAll(selector)];
  const keyOf = (element, part) => [...(element?.closest(`[class*="${part}"]`)?.classList ?? [])].find(name => name.includes(part));
  const findDialog = () => list('[role="dialog"]').findLast(dialog => find(CANCEL, dialog));
  const formOf = dialog => keyOf(dialog && find(CANCEL, dialog), "_cancel_");
  const draftOf = dialog => dialog && find("[data-draft]", dialog);
  const forget = draft => sessionStorage.removeItem(`draft:${draft}`);
  const nameOf = field => keyOf(field, "st-key-")?.replace(/_[0-9a-f]{32}$/, "");
  const closeToasts = () => list(`[data-testid="stToast"] ${CLOSE}`).forEach(button => button.click());
  const ask = find("#discard");
  let dirtyForm, startedForm, startValues, toRestore = {}, shownRefusal, isDiscarding = false, page = location.pathname;

  function guard(event) {
    const dialog = findDialog(), target = event.target, isKey = event.type === "keydown";
    if (isDiscarding || ask.open || !dialog || formOf(dialog) !== dirtyForm) return;
    const isInside = dialog.contains(target);
    if (isKey && (event.key !== "Escape" || !isInside || target.getAttribute("aria-expanded") === "true")) return; // it closes a list
    const button = isInside && !isKey ? target.closest(`${CANCEL} button, ${CLOSE}`) : find(CLOSE, dialog);
    if (!button || (!isInside && !target.closest?.('[data-testid="stDialog"]'))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!isKey && event.type !== "click") return;
    const focused = document.activeElement;
    ask.returnValue = "";
    ask.onclose = () => {
      if (!ask.returnValue) return focused.focus();
      forget(draftOf(dialog)?.dataset.draft);
      [dirtyForm, isDiscarding] = [undefined, true];
      button.click();
      isDiscarding = false;
    };
    ask.showModal();
  }

  function noteChange({ isTrusted, target, type }) {
    const dialog = findDialog(), isTyped = (type === "input" || type === "change") && dialog?.contains(target);
    if (!isTrusted || ask.open || !dialog) return;
    if (isTyped) keepDraft(dialog, isTyped);
    else setTimeout(() => keepDraft(dialog)); // what was pressed has its new value after the event
  }

  function keepDraft(dialog, isTyped = false) {
    const form = formOf(dialog), draft = draftOf(dialog)?.dataset.draft, values = readFields(dialog);
    if (!isTyped && (form !== startedForm || JSON.stringify(values) === startValues)) return;
    [dirtyForm, startValues] = [form, undefined];
    if (draft && !find(`[data-forget="${draft}"]`)) sessionStorage.setItem(`draft:${draft}`, JSON.stringify({ ...values, ...toRestore }));
  }

  const readFields = dialog => Object.fromEntries(list(FIELD, dialog).map(field => [nameOf(field), read(field)]));

  function read(field) {
    if (field.type === "checkbox") return String(field.checked);
    return field.role === "radiogroup" ? find('[aria-checked="true"]', field)?.textContent : field.value ?? field.textContent;
  }

  function write(field, value) {
    const date = field.closest('[data-testid="stDateTimeInput"]'), isOpen = field.ariaExpanded === "true";
    const choices = field.role === "radiogroup" ? list('[role="radio"]', field) : isOpen && list('[role="option"]');
    if (choices) choices.find(each => each.textContent === value)?.click();
    else if (field.type === "checkbox") field.click();
    else if (date && !value) find('[data-testid="stDateTimeInputClearButton"]', date)?.click();
    else {
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, value); // React would not notice its own
      for (const name of field.role === "combobox" ? ["input"] : ["input", "focusout"]) field.dispatchEvent(new Event(name, { bubbles: true }));
    }
  }

  /** Fill in what is left of a draft: fields that follow from others, and the options of a list, appear only after them. */
  function restoreDraft(dialog) {
    for (const field of list(FIELD, dialog)) {
      const name = nameOf(field), value = toRestore[name], isList = field.role === "combobox", isOpen = field.ariaExpanded === "true";
      if (value === undefined) continue;
      const isSame = value === read(field) && !isOpen;
      if (!isSame) {
        write(field, value);
        dirtyForm = formOf(dialog);
        draftOf(dialog).classList.add("restored");
      }
      if (isSame || !isList || isOpen) delete toRestore[name];
    }
  }

  /** Begin a form that has just opened, or show in a refused one what is wrong. */
  function update() {
    if (location.pathname !== page) closeToasts();
    page = location.pathname;
    for (const each of list(`[data-testid="stToast"]`)) each.setAttribute("aria-label", "Message"); // it is a dialog without a name
    for (const done of list("[data-forget]")) forget(done.dataset.forget);
    if (find('[data-testid="stApp"]')?.dataset.testScriptState !== "notRunning") return;
    if (find(":is(.st-key-undo, .st-key-undo_inside)")) closeToasts(); // of earlier changes
    for (const news of list("[data-card]:not([data-seen])")) {
      find(`.st-key-${news.dataset.card}`)?.scrollIntoView({ block: "nearest" });
      news.dataset.seen = "";
    }
    const dialog = findDialog(), form = formOf(dialog), isNew = form !== startedForm && !(dialog && find('[data-testid="stSkeleton"]', dialog));
    if (isNew) startedForm = form;
    if (isNew && form) {
      closeToasts();
      startValues = JSON.stringify(readFields(dialog));
      toRestore = JSON.parse(sessionStorage.getItem(`draft:${draftOf(dialog)?.dataset.draft}`) ?? "{}");
      list(TEXT, dialog).find(field => field.checkVisibility())?.focus({ preventScroll: true });
    }
    if (form && form === startedForm) restoreDraft(dialog);
    markProblems();
  }

  function markProblems() {
    const marks = list('[class*="st-key-problem_"]').map(problem => {
      problem.id = keyOf(problem, "st-key-problem_");
      return [find(`.${CSS.escape(problem.id.replace("problem_", ""))} :is(input, textarea, [role="radiogroup"], [role="group"])`), problem.id];
    });
    for (const field of list("[data-refused]")) for (const name of ["aria-invalid", "aria-describedby", "data-refused"]) field.removeAttribute(name);
    for (const [field, id] of marks) for (const name of ["aria-invalid", "data-refused"]) field?.setAttribute(name, "true"), field?.setAttribute("aria-describedby", id);
    const refusal = find('[class*="st-key-refusal_"]'), key = keyOf(refusal, "st-key-refusal_");
    if (!key || key === shownRefusal) return;
    shownRefusal = key;
    refusal.tabIndex = -1;
    const first = find("[data-refused]") ?? refusal;
    (find("input, button", first) ?? first).focus({ preventScroll: true }); // of a choice its first one
    first.scrollIntoView({ block: "center" });
  }

  // The first click into a number selects it, so that what is typed replaces it.
  addEventListener("pointerdown", ({ target }) => target.matches?.('input[type="number"]') && target !== document.activeElement && target.addEventListener("click", () => target.select(), { once: true }), true);
  for (const type of ["keydown", "pointerdown", "mousedown", "pointerup", "mouseup", "click"]) addEventListener(type, guard, true);
  for (const type of ["input", "change", "click", "keyup"]) addEventListener(type, noteChange, true);
  addEventListener("click", ({ target }) => target.closest?.('a[href^="/session/sign-out"]') && Object.keys(sessionStorage).forEach(key => key.startsWith("draft:") && sessionStorage.removeItem(key)), true);
  new MutationObserver(update).observe(document.body, { subtree: true, childList: true, attributeFilter: ["data-test-script-state"] });
})();
