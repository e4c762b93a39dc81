/** Two texts beside each other or, where there is little room, in one column. */

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { getChunks, goToNextChunk, goToPreviousChunk, MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";

import { access, languageOf, look, mountPoint } from "./setup";

export interface Side {
  readonly label: string;
  readonly text: string;
}

export interface Compared {
  readonly path: string;
  readonly before: Side;
  readonly after: Side;
  /** Only what has changed and some lines around it. */
  readonly folded: boolean;
  readonly narrow: boolean;
  /** Called with each text that a person makes of *after*; absent where nobody may. */
  readonly onType?: (text: string) => void;
}

const AROUND = { margin: 3, minSize: 6 };
/** A machine's file of one long line must not hold the page up. */
const DIFF = { scanLimit: 5_000, timeout: 300 };

export class Comparison {
  readonly #view: MergeView | EditorView;

  constructor(host: HTMLElement, compared: Compared, language: Extension) {
    const { parent, root } = mountPoint(host);
    const before = [look(), LOOK, language, access(compared.before.label, false)];
    const after = [look(), LOOK, language, ...this.#after(compared)];
    // Of a text that is all new no part stands out.
    const marks = compared.before.text !== "" && compared.after.text !== "";
    if (compared.narrow) {
      const state = EditorState.create({
        doc: compared.after.text,
        extensions: [
          ...after,
          unifiedMergeView({
            original: compared.before.text,
            mergeControls: false,
            diffConfig: DIFF,
            highlightChanges: marks,
            ...(compared.folded && { collapseUnchanged: AROUND }),
          }),
        ],
      });
      this.#view = new EditorView({ parent, root, state });
      return;
    }
    this.#view = new MergeView({
      parent,
      root,
      a: { doc: compared.before.text, extensions: before },
      b: { doc: compared.after.text, extensions: after },
      diffConfig: DIFF,
      highlightChanges: marks,
      ...(compared.folded && { collapseUnchanged: AROUND }),
      ...(compared.onType !== undefined && {
        revertControls: "a-to-b" as const,
        renderRevertControl: takeButton,
      }),
    });
    this.#view.dom.style.height = "100%";
    this.#view.dom.style.overflow = "auto";
  }

  /** How many places differ. */
  get changes(): number {
    return getChunks(this.#editor.state)?.chunks.length ?? 0;
  }

  next(): void {
    goToNextChunk(this.#editor);
    this.#editor.focus();
  }

  previous(): void {
    goToPreviousChunk(this.#editor);
    this.#editor.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }

  get #editor(): EditorView {
    return this.#view instanceof MergeView ? this.#view.b : this.#view;
  }

  #after({ after, onType }: Compared): Extension[] {
    if (onType === undefined) return [access(after.label, false)];
    return [
      access(after.label, true),
      history(),
      keymap.of([...historyKeymap, ...defaultKeymap]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onType(update.state.doc.toString());
      }),
    ];
  }
}

/** Shows *compared* in *host* once its language is there. */
export async function compare(host: HTMLElement, compared: Compared): Promise<Comparison> {
  const language = await languageOf(compared.path);
  return new Comparison(host, compared, language ?? []);
}

function takeButton(): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "›";
  button.title = "Take this part from the left";
  button.setAttribute("aria-label", button.title);
  Object.assign(button.style, { color: "var(--accent)", fontSize: "20px", lineHeight: "20px" });
  // The view hears a pressed button of the mouse alone; keys and screen readers click.
  button.addEventListener("click", ({ detail }) => {
    if (detail !== 0) return;
    const after = button.closest(".cm-mergeViewEditors")?.querySelectorAll<HTMLElement>(".cm-content")[1];
    button.dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
    after?.focus();
  });
  return button;
}

const LOOK = EditorView.theme({
  "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": { backgroundColor: "var(--hl-removed)" },
  "&.cm-merge-b .cm-changedLine, .cm-changedLine, .cm-inlineChangedLine": {
    backgroundColor: "var(--hl-added)",
  },
  "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": {
    background: "var(--hl-removed-text)",
  },
  "&.cm-merge-b .cm-changedText, .cm-changedText": { background: "var(--hl-added-text)" },
  ".cm-changeGutter": { width: "3px", paddingLeft: "1px" },
  "&.cm-merge-a .cm-changedLineGutter, .cm-deletedLineGutter": { background: "var(--danger)" },
  "&.cm-merge-b .cm-changedLineGutter": { background: "var(--accent)" },
  ".cm-collapsedLines": {
    background: "var(--sunken)",
    color: "var(--muted)",
    padding: "2px 16px",
    fontFamily: "var(--font-sans)",
    fontSize: "12px",
  },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '""' },
});
