/** What every CodeMirror view of ours has in common. */

import { HighlightStyle, type LanguageSupport, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, highlightSpecialChars, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/**
 * Where to put a view into *host*.
 *
 * In a shadow root the styles are constructed sheets, which a strict Content-Security-Policy
 * allows; in the document they would be a style element.
 */
export function mountPoint(host: HTMLElement): { parent: HTMLElement; root: ShadowRoot } {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const parent = document.createElement("div");
  parent.style.height = "100%";
  root.replaceChildren(parent);
  return { parent, root };
}

/** How code looks. */
export function look(): Extension {
  return [
    // One kind of line end: lengths in the editor are then lengths in the text.
    EditorState.lineSeparator.of("\n"),
    lineNumbers(),
    highlightSpecialChars(),
    syntaxHighlighting(HIGHLIGHT),
    THEME,
  ];
}

/** Whether a person may type, and what a screen reader says of it. */
export function access(label: string, editable: boolean): Extension {
  return [
    EditorState.readOnly.of(!editable),
    EditorView.editable.of(editable),
    EditorView.contentAttributes.of({
      "aria-label": label,
      "aria-readonly": String(!editable),
      role: "textbox",
      tabindex: "0",
      // A phone's keyboard must not improve code.
      autocapitalize: "off",
      autocorrect: "off",
      spellcheck: "false",
    }),
  ];
}

/** The language of a file by the end of its name; each is loaded when it is first needed. */
export async function languageOf(path: string): Promise<LanguageSupport | null> {
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
    case "py":
      return (await import("@codemirror/lang-python")).python();
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
  "&.cm-focused": { outline: "none" },
  // Drawn above the gutter, which would cover an outline.
  "&.cm-focused::after": {
    content: '""',
    position: "absolute",
    inset: "0",
    zIndex: "300",
    border: "1px solid var(--accent)",
    pointerEvents: "none",
  },
  ".cm-scroller": {
    fontFamily: "var(--font-mono)",
    fontVariantLigatures: "none",
    lineHeight: "20px",
    overflow: "auto",
  },
  ".cm-content": { padding: "10px 0 24px", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 16px", minWidth: "44px" },
  ".cm-foldGutter .cm-gutterElement": { width: "16px", cursor: "pointer" },
  ".cm-line": { padding: "0 16px 0 4px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hl-line)" },
  // As exact as CodeMirror's own rule for the light scheme, which would win in the dark one.
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, ::selection":
    { backgroundColor: "var(--hl-selection)" },
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
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--ink)",
    border: "1px solid var(--control)",
    borderRadius: "6px",
    overflow: "hidden",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
  },
});
