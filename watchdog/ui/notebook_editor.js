/* A text area with colours behind it and words to choose from. What is typed stays here until the server has it. */
const PAUSE = 350;
const MOST = 60;
const KEYWORDS = new Set(
  ("select from where group by order having limit offset as on join left right full inner outer cross lateral union all " +
    "intersect except with recursive values case when then else end and or not in is null between like ilike exists " +
    "distinct filter over partition rows range preceding following current row unbounded qualify using asc desc nulls first " +
    "last interval true false cast any asof pivot unpivot exclude replace sum_by by without offset bool group_left " +
    "group_right ignoring").split(" ")
);
const TOKEN = {
  sql: /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|(\$[A-Za-z_]\w*)|(\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|("(?:[^"])*(?:"|$)|[A-Za-z_]\w*)/g,
  promql: /(#[^\n]*)|("(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|`[^`]*`?)|(\$[A-Za-z_]\w*)|(\b\d+(?:\.\d+)?(?:ms|[smhdwy])?\b)|([A-Za-z_:][\w:]*)/g,
};

export default function (component) {
  const { data, parentElement } = component;
  const editor = parentElement.editor ?? (parentElement.editor = build(parentElement));
  editor.component = component;
  editor.show(data);
  return () => editor.send();
}

function build(root) {
  const find = (selector) => root.querySelector(selector);
  const box = find(".box"), page = find(".page"), paper = find("pre"), area = find("textarea"), list = find("ul");
  const editor = { component: null, data: {}, revision: null, base: "", sent: null, timer: 0, found: [], at: -1, chosen: false };

  editor.show = (data) => {
    const own = data.revision === editor.revision;
    editor.data = data;
    editor.base = data.text;
    if (!own) {
      // The server has another text than this editor last sent: an undo, an import, the first showing.
      editor.revision = data.revision;
      editor.sent = data.text;
      const kept = draft(data.draft);
      area.value = kept?.base === data.text && !data.locked ? kept.text : data.text;
    }
    // What never arrived is kept in the tab until the server shows it.
    if (data.text === area.value) keep(data.draft, null);
    area.readOnly = Boolean(data.locked);
    area.placeholder = data.placeholder ?? "";
    area.setAttribute("aria-label", data.label ?? "Text");
    box.classList.toggle("words", data.language === "markdown");
    paint();
    if (!own && area.value !== data.text) later(0);
  };
  editor.send = () => {
    clearTimeout(editor.timer);
    if (area.readOnly || editor.sent === area.value) return;
    editor.sent = area.value;
    editor.component.setStateValue("text", area.value);
  };

  const later = (pause) => {
    clearTimeout(editor.timer);
    editor.timer = setTimeout(editor.send, pause);
  };
  const paint = () => {
    const lines = coloured(area.value, editor.data.language);
    paper.replaceChildren(...lines);
    const wrong = lines[(editor.data.wrong ?? 0) - 1];
    if (wrong && area.value === editor.sent) wrong.classList.add("wrong");
  };
  const hide = () => {
    list.hidden = true;
    editor.found = [];
    editor.chosen = false;
    area.removeAttribute("aria-activedescendant");
  };
  const choose = (at) => {
    editor.at = (at + editor.found.length) % editor.found.length;
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === editor.at)));
    list.children[editor.at].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", list.children[editor.at].id);
  };
  const take = (at) => {
    const word = wordBefore(area);
    const found = editor.found[at];
    area.setRangeText(found[0], area.selectionStart - word.length, area.selectionStart, "end");
    hide();
    changed();
  };
  const suggest = (asked) => {
    const word = wordBefore(area);
    const found = asked || word.length > 1 ? suggestions(area.value, area.selectionStart, word, editor.data) : [];
    if (!found.length || (!asked && found.some((each) => each[0].toLowerCase() === word.toLowerCase()))) return hide();
    editor.found = found.slice(0, MOST);
    list.replaceChildren(...editor.found.map(item));
    list.hidden = false;
    place();
    choose(0);
    editor.chosen = false;
  };
  const item = (found, at) => {
    const line = document.createElement("li"), meaning = document.createElement("span");
    line.id = `word-${at}`;
    line.setAttribute("role", "option");
    line.append(found[0], meaning);
    meaning.textContent = found[1];
    line.title = found[2] ?? "";
    line.onmousedown = (event) => {
      event.preventDefault();
      take(at);
    };
    return line;
  };
  const place = () => {
    // The font is of fixed width: where the caret is can be counted.
    const before = area.value.slice(0, area.selectionStart).split("\n");
    const probe = document.createElement("span");
    probe.textContent = "0".repeat(100);
    probe.style.cssText = "position:absolute;visibility:hidden";
    paper.append(probe);
    const width = probe.getBoundingClientRect().width / 100;
    probe.remove();
    const left = 12 + (before.at(-1).length - wordBefore(area).length) * width - page.scrollLeft;
    list.style.left = `${Math.max(4, Math.min(left, box.clientWidth - 270))}px`;
    list.style.top = `${8 + before.length * 19.5 - page.scrollTop + 2}px`;
  };
  const changed = () => {
    paint();
    keep(editor.data.draft, { base: editor.base, text: area.value });
    later(PAUSE);
  };

  area.addEventListener("input", () => {
    changed();
    suggest(false);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      hide();
      editor.send();
      editor.component.setTriggerValue("run", String(Date.now()));
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      suggest(true);
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      choose(editor.at + (event.key === "ArrowDown" ? 1 : -1));
      editor.chosen = true;
    } else if (!list.hidden && (event.key === "Tab" || (event.key === "Enter" && editor.chosen))) {
      event.preventDefault();
      take(editor.at);
    } else if (!list.hidden && ["Escape", "Enter", "ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      if (event.key === "Escape") event.stopPropagation();
      hide();
    }
  });
  area.addEventListener("blur", () => {
    hide();
    editor.send();
  });
  addEventListener("pagehide", editor.send);
  document.addEventListener("visibilitychange", () => document.hidden && editor.send());
  return editor;
}

function wordBefore(area) {
  return /[$\w.]*$/.exec(area.value.slice(0, area.selectionStart))[0].split(".").at(-1);
}

/* [word, what it is, what it means]: those of the tables named in the text first. */
function suggestions(text, caret, word, data) {
  const tables = data.tables ?? {};
  const owner = /([A-Za-z_]\w*)\.[$\w]*$/.exec(text.slice(0, caret))?.[1]?.toLowerCase();
  const named = Object.keys(tables).filter((name) => new RegExp(`\\b${name}\\b`, "i").test(text));
  if (owner) return matching(columns(tables, [aliased(text, owner, tables) ?? owner]), word);
  const afterFrom = /\b(from|join)\s+[$\w]*$/i.test(text.slice(0, caret));
  const names = Object.entries(tables).map(([name, table]) => [name, table.what, table.about]);
  const others = Object.keys(tables).filter((name) => !named.includes(name));
  const rest = [...(data.words ?? []), ...columns(tables, named), ...names, ...columns(tables, others)];
  return matching(afterFrom ? names : rest, word);
}

function aliased(text, owner, tables) {
  for (const name of Object.keys(tables)) {
    if (new RegExp(`\\b${name}\\b\\s+(?:as\\s+)?${owner}\\b`, "i").test(text)) return name;
  }
  return undefined;
}

function columns(tables, names) {
  return names.flatMap((name) => (tables[name]?.columns ?? []).map(([column, kind, about]) => [column, `${kind} · ${name}`, about]));
}

function matching(found, word) {
  const wanted = word.toLowerCase(), seen = new Set();
  const starts = found.filter((each) => each[0].toLowerCase().startsWith(wanted));
  const holds = found.filter((each) => wanted.length > 2 && each[0].toLowerCase().indexOf(wanted) > 0);
  return [...starts, ...holds].filter((each) => !seen.has(each[0]) && seen.add(each[0]));
}

function coloured(text, language) {
  const lines = [];
  let line = newLine(lines);
  const write = (piece, kind) => {
    piece.split("\n").forEach((part, at) => {
      if (at) line = newLine(lines);
      if (!part) return;
      const node = kind ? document.createElement("span") : document.createTextNode(part);
      if (kind) {
        node.className = kind;
        node.textContent = part;
      }
      line.append(node);
    });
  };
  const token = TOKEN[language];
  if (!token || text.length > 40000) write(text, "");
  else {
    let last = 0;
    for (const match of text.matchAll(token)) {
      write(text.slice(last, match.index), "");
      const kind = match[1] ? "c" : match[2] ? "s" : match[3] ? "p" : match[4] ? "n" : wordKind(match[0], text[match.index + match[0].length]);
      write(match[0], kind);
      last = match.index + match[0].length;
    }
    write(text.slice(last), "");
  }
  return lines;
}

function wordKind(word, next) {
  return KEYWORDS.has(word.toLowerCase()) ? "k" : next === "(" ? "t" : "";
}

function newLine(lines) {
  const line = document.createElement("span");
  line.className = "line";
  lines.push(line);
  return line;
}

function draft(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    if (value) sessionStorage.setItem(name, JSON.stringify(value));
    else sessionStorage.removeItem(name);
  } catch {
    /* A full or forbidden storage: the server still gets every pause. */
  }
}
