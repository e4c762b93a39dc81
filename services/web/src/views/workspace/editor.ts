/** CodeMirror, set up to show files that are being written. */

import { defaultKeymap } from "@codemirror/commands";
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  type LanguageSupport,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** Within this distance of the end, growing text scrolls into view. */
const NEAR_PX = 80;

export class Editor {
  readonly #view: EditorView;
  readonly #language = new Compartment();
  readonly #label = new Compartment();
  #path = "";
  #revision = -1;
  /** Nobody has scrolled away from the end. */
  #atEnd = true;

  constructor(host: HTMLElement) {
    // In a shadow root the styles are constructed sheets, which a strict
    // Content-Security-Policy allows; in the document they would be a style element.
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const parent = document.createElement("div");
    parent.style.height = "100%";
    root.replaceChildren(parent);
    this.#view = new EditorView({ parent, root, state: this.#state("", "") });
    const scroller = this.#view.scrollDOM;
    scroller.addEventListener("scroll", () => {
      const rest = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
      this.#atEnd = rest < NEAR_PX;
    });
  }

  /** Shows *text*; with the same path and revision as before only what was added is drawn. */
  show(path: string, text: string, revision: number, growing: boolean): void {
    const shown = this.#view.state.doc.length;
    const follow = growing && this.#atEnd;
    if (path !== this.#path) {
      this.#path = path;
      this.#atEnd = true;
      this.#view.setState(this.#state(path, text));
      this.#view.scrollDOM.scrollTop = 0;
      void this.#highlight(path);
      if (growing) this.#change(0, 0, "", true);
    } else if (revision !== this.#revision || text.length < shown) {
      this.#change(0, shown, text, growing);
    } else if (text.length > shown) {
      this.#change(shown, shown, text.slice(shown), follow);
    }
    this.#revision = revision;
  }

  #change(from: number, to: number, insert: string, follow: boolean): void {
    const view = this.#view;
    view.dispatch({ changes: { from, to, insert } });
    if (!follow) return;
    // With the editor's own measuring, so that a frame has one layout; downwards only.
    view.requestMeasure({
      key: this,
      read: () => view.contentHeight,
      write: (height) => {
        view.scrollDOM.scrollTop = height;
      },
    });
  }

  destroy(): void {
    this.#view.destroy();
  }

  #state(path: string, text: string): EditorState {
    return EditorState.create({
      doc: text,
      extensions: [
        // One kind of line end: lengths in the editor are then lengths in the text.
        EditorState.lineSeparator.of("\n"),
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        lineNumbers(),
        foldGutter(),
        highlightSpecialChars(),
        bracketMatching(),
        highlightSelectionMatches(),
        search({ top: true }),
        keymap.of([...searchKeymap, ...foldKeymap, ...defaultKeymap]),
        syntaxHighlighting(HIGHLIGHT),
        THEME,
        this.#language.of([]),
        this.#label.of(
          EditorView.contentAttributes.of({ "aria-label": path, tabindex: "0", role: "textbox" }),
        ),
      ],
    });
  }

  async #highlight(path: string): Promise<void> {
    const language = await languageOf(path);
    if (language === null || path !== this.#path) return;
    this.#view.dispatch({ effects: this.#language.reconfigure(language) });
  }
}

/** The language of a file by the end of its name; each is loaded when it is first needed. */
async function languageOf(path: string): Promise<LanguageSupport | null> {
  const end = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  switch (end) {
    case "js":
    case "jsx":
    case "mjs":
    case "cjs":
    case "ts":
    case "tsx":
    case "mts": {
      const { javascript } = await import("@codemirror/lang-javascript");
      return javascript({ jsx: end.endsWith("x"), typescript: end.includes("ts") });
    }
    case "html":
    case "svg":
    case "xml":
    case "vue":
      return (await import("@codemirror/lang-html")).html();
    case "css":
      return (await import("@codemirror/lang-css")).css();
    case "json":
      return (await import("@codemirror/lang-json")).json();
    case "md":
      return (await import("@codemirror/lang-markdown")).markdown();
    default:
      return null;
  }
}

const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.comment, tags.meta], color: "var(--hl-comment)" },
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--hl-keyword)" },
  { tag: [tags.string, tags.regexp, tags.special(tags.string)], color: "var(--hl-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.unit], color: "var(--hl-number)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName)],
    color: "var(--hl-function)",
  },
  { tag: [tags.typeName, tags.className, tags.namespace], color: "var(--hl-type)" },
  { tag: [tags.tagName, tags.heading], color: "var(--hl-tag)" },
  { tag: tags.heading, fontWeight: "700" },
  { tag: [tags.attributeName, tags.definition(tags.propertyName)], color: "var(--hl-attribute)" },
  { tag: [tags.link, tags.url], color: "var(--hl-keyword)" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strong, fontWeight: "700" },
  { tag: tags.invalid, color: "var(--hl-invalid)" },
]);

const THEME = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": {
    fontFamily: "var(--font-mono)",
    fontVariantLigatures: "none",
    lineHeight: "20px",
    overflow: "auto",
  },
  ".cm-content": { padding: "10px 0 24px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 16px", minWidth: "44px" },
  ".cm-foldGutter .cm-gutterElement": { width: "16px", cursor: "pointer" },
  ".cm-line": { padding: "0 16px 0 4px" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground, ::selection": {
    backgroundColor: "var(--hl-selection)",
  },
  ".cm-selectionMatch, .cm-searchMatch": { backgroundColor: "var(--hl-match)" },
  ".cm-searchMatch-selected": { outline: "1px solid var(--chalk)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--hl-selection)" },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--sunken)",
    color: "var(--muted)",
    border: "1px solid var(--line)",
  },
  ".cm-panels": {
    backgroundColor: "var(--sunken)",
    color: "var(--ink)",
    borderBottom: "1px solid var(--line)",
    fontFamily: "var(--font-sans)",
  },
  ".cm-panel.cm-search": { padding: "8px 12px" },
  ".cm-textfield": {
    backgroundColor: "var(--surface)",
    color: "var(--ink)",
    border: "1px solid var(--control)",
    borderRadius: "6px",
    padding: "3px 8px",
  },
  ".cm-button": {
    backgroundImage: "none",
    backgroundColor: "var(--surface)",
    color: "var(--ink)",
    border: "1px solid var(--control)",
    borderRadius: "6px",
  },
});
