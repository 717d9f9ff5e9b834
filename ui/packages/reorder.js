/* The list of the Arrange view: drag packages by mouse or finger, or move them with keys, buttons and typed positions.
   Every change sends the whole order and the order it was made from, so that the server can detect conflicts
   (ui/packages/reorder.py). A moving row stays in place in the DOM and its neighbors move around it, so that it keeps
   the focus and the pointer capture. */

const lists = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!lists.has(parentElement)) lists.set(parentElement, new PackageList(parentElement));
  const packageList = lists.get(parentElement);
  packageList.send = (change) => setTriggerValue("order", change);
  packageList.update(data);
}

const DRAG_THRESHOLD_PIXELS = 4; // a shorter pointer movement is a click
const SCROLL_EDGE_PIXELS = 70; // distance to the scroller's edge at which a dragged row scrolls it

class PackageList {
  constructor(root) {
    this.list = root.querySelector("ol");
    this.status = root.querySelector("[role=status]");
    this.template = root.querySelector("template");
    this.serverState = null; // the last data from the server
    this.pendingState = null; // data that arrived while a row was dragged
    this.lastChangeNumber = 0;
    this.pressedRow = null; // a row under a pressed pointer that may become a drag
    this.dragged = null; // the dragged row, the order before, and the pointer (null by keyboard)
    this.list.onclick = (event) => this.onClick(event);
    this.list.onkeydown = (event) => this.onKeyDown(event);
    this.list.onchange = (event) => this.onPositionTyped(event.target);
    this.list.addEventListener("focusin", (event) => event.target.matches("input") && event.target.select());
    this.list.addEventListener("focusout", () => this.dragged && !this.dragged.pointer && this.endDrag(false));
    this.list.onpointerdown = (event) => this.onPointerDown(event);
    this.list.onpointermove = (event) => this.onPointerMove(event);
    this.list.onpointerup = () => this.onPointerUp(true);
    this.list.onpointercancel = () => this.onPointerUp(false);
    this.onEscape = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.endDrag(false);
    };
  }

  // Show the data from the server. Data that predates the last change would set the list back for a moment.
  update(data) {
    if (this.dragged) { this.pendingState = data; return; }
    if (data.view !== this.serverState?.view) this.lastChangeNumber = data.answered;
    if (data.answered < this.lastChangeNumber) return;
    this.serverState = data;
    const rows = new Map(this.rows().map((row) => [row.dataset.id, row]));
    this.replaceRows(data.packages.map((each) => this.fillRow(rows.get(each.id) ?? this.createRow(), each)));
  }

  createRow() { return this.template.content.firstElementChild.cloneNode(true); }

  fillRow(row, { id, name, detail }) {
    row.dataset.id = id;
    row.querySelector(".name").textContent = row.querySelector(".name").title = name;
    row.querySelector(".detail").textContent = detail;
    row.querySelector(".handle").ariaLabel = `Move ${name}`;
    row.querySelector("input").ariaLabel = `Position of ${name}`;
    row.querySelector(".up").ariaLabel = `Move ${name} up`;
    row.querySelector(".down").ariaLabel = `Move ${name} down`;
    return row;
  }

  replaceRows(rows) {
    const focused = this.list.getRootNode().activeElement;
    if (rows.length !== this.list.children.length || rows.some((row, at) => row !== this.list.children[at]))
      this.list.replaceChildren(...rows);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    this.renumber();
  }

  renumber() {
    const focused = this.list.getRootNode().activeElement;
    this.rows().forEach((row, at, { length }) => {
      const position = row.querySelector("input");
      const isBeingTyped = position === focused && position.value !== position.defaultValue;
      position.defaultValue = at + 1;
      if (!isBeingTyped) position.value = at + 1;
      row.querySelector(".up").ariaDisabled = String(at === 0);
      row.querySelector(".down").ariaDisabled = String(at === length - 1);
    });
  }

  rows() { return [...this.list.children]; }
  order() { return this.rows().map((row) => row.dataset.id); }
  announce(row, what) {
    const name = row.querySelector(".name").textContent;
    this.status.textContent = `${name} ${what}, position ${this.rows().indexOf(row) + 1} of ${this.list.children.length}.`;
  }

  // Move a row one position up or down. Returns false at the end of the list.
  moveByOne(row, isDown) {
    const neighbor = isDown ? row.nextElementSibling : row.previousElementSibling;
    if (!neighbor) return false;
    this.list.insertBefore(neighbor, isDown ? row : row.nextElementSibling);
    return true;
  }

  moveTo(row, at) {
    const isDown = at > this.rows().indexOf(row);
    while (this.list.children[at] !== row && this.moveByOne(row, isDown));
    this.renumber();
    row.scrollIntoView({ block: "nearest" });
  }

  sendOrder(row) {
    this.lastChangeNumber += 1;
    this.announce(row, "moved");
    this.send({
      number: this.lastChangeNumber,
      knows: this.serverState.answered,
      seen: this.serverState.packages.map((each) => each.id),
      order: this.order(),
      moved: row.dataset.id,
    });
  }

  // Buttons. A click with detail 0 comes from the keyboard or a screen reader.
  onClick(event) {
    const button = event.target.closest("button");
    const row = button?.closest("li");
    if (!row) return;
    if (button.matches(".handle")) {
      if (event.detail === 0) this.dragged ? this.endDrag(true) : this.startDrag(row);
      return;
    }
    if (!this.moveByOne(row, button.matches(".down"))) return;
    this.moveTo(row, this.rows().indexOf(row));
    this.sendOrder(row);
  }

  // Move to a typed position; anything but a number restores the position.
  onPositionTyped(position) {
    const row = position.closest("li");
    const from = this.rows().indexOf(row);
    const requested = /^\s*\d+\s*$/.test(position.value) ? Number(position.value) : from + 1;
    const at = Math.min(Math.max(requested, 1), this.list.children.length) - 1;
    position.value = position.defaultValue;
    this.moveTo(row, at);
    if (at !== from) this.sendOrder(row);
  }

  onKeyDown(event) {
    if (event.key === "Escape" && event.target.matches("input")) event.target.value = event.target.defaultValue;
    if (!this.dragged || this.dragged.pointer) return;
    const at = this.rows().indexOf(this.dragged.row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: this.list.children.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < this.list.children.length) this.moveTo(this.dragged.row, to);
    this.announce(this.dragged.row, "moved");
  }

  startDrag(row, pointer = null) {
    this.dragged = { row, pointer, from: this.order() };
    row.classList.add("held");
    row.querySelector(".handle").ariaPressed = "true";
    document.addEventListener("keydown", this.onEscape, true);
    this.announce(row, "picked up");
  }

  // End a drag: keep and send the new order, or restore the order before.
  endDrag(isKept) {
    const { row, from } = this.dragged;
    this.dragged = this.pressedRow = null;
    document.removeEventListener("keydown", this.onEscape, true);
    row.classList.remove("held");
    row.style.transform = "";
    row.querySelector(".handle").ariaPressed = null;
    if (isKept && this.order().join() !== from.join()) this.sendOrder(row);
    else {
      const rows = new Map(this.rows().map((each) => [each.dataset.id, each]));
      this.replaceRows(from.map((id) => rows.get(id)));
      this.announce(row, "left");
    }
    if (this.pendingState) { const data = this.pendingState; this.pendingState = null; this.update(data); }
  }

  // A mouse drags a row anywhere, a finger only by the handle, so that the rest of the row scrolls the page.
  onPointerDown(event) {
    const row = event.target.closest("li");
    const isHandle = event.target.closest(".handle");
    const isOutsideHandle = event.pointerType !== "mouse" || event.target.closest("button, input");
    if (!row || event.button > 0 || this.dragged || (!isHandle && isOutsideHandle)) return;
    this.pressedRow = { row, id: event.pointerId, y: event.clientY, grip: event.clientY - row.getBoundingClientRect().top };
    this.list.setPointerCapture(event.pointerId);
  }

  onPointerMove(event) {
    if (this.pressedRow?.id !== event.pointerId) return;
    if (!this.dragged) {
      if (Math.abs(event.clientY - this.pressedRow.y) < DRAG_THRESHOLD_PIXELS) return;
      this.startDrag(this.pressedRow.row, this.pressedRow);
      this.scroller = findScroller(this.list);
      requestAnimationFrame(() => this.autoScroll());
    }
    this.pressedRow.y = event.clientY;
    this.moveDraggedRow();
  }

  onPointerUp(isKept) {
    if (this.dragged?.pointer) this.endDrag(isKept);
    this.pressedRow = null;
  }

  // Follow the pointer; a neighbor moves away when the row covers half of it.
  moveDraggedRow() {
    const { row, pointer } = this.dragged;
    const top = pointer.y - pointer.grip, bottom = top + row.offsetHeight;
    const middle = (each) => { const box = each.getBoundingClientRect(); return box.top + box.height / 2; };
    while (row.nextElementSibling && bottom > middle(row.nextElementSibling)) this.moveByOne(row, true);
    while (row.previousElementSibling && top < middle(row.previousElementSibling)) this.moveByOne(row, false);
    this.renumber();
    row.style.transform = `translateY(${top - this.list.getBoundingClientRect().top - row.offsetTop}px)`;
  }

  // Scroll while a row is dragged near an edge of the scroller.
  autoScroll() {
    if (!this.dragged?.pointer) return;
    const { y } = this.dragged.pointer, box = this.scroller.getBoundingClientRect();
    const beyond = Math.min(y - box.top - SCROLL_EDGE_PIXELS, 0) + Math.max(y - box.bottom + SCROLL_EDGE_PIXELS, 0);
    if (beyond) { this.scroller.scrollTop += beyond / 5; this.moveDraggedRow(); }
    requestAnimationFrame(() => this.autoScroll());
  }
}

function findScroller(element) {
  for (let each = element; each; each = each.parentElement ?? each.getRootNode().host) {
    const isScrolling = /auto|scroll/.test(getComputedStyle(each).overflowY);
    if (isScrolling && each.scrollHeight > each.clientHeight) return each;
  }
  return document.scrollingElement;
}
