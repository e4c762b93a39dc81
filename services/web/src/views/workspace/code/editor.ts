/** CodeMirror, set up to show files that are being written, and to write in them. */

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorSelection, EditorState, Transaction } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
} from "@codemirror/view";

import type { Problem } from "../../../project/problems";
import { access, languageOf, look, mountPoint } from "./setup";

/** Within this distance of the end, growing text scrolls into view. */
const NEAR_PX = 80;
/** So many files keep what was undone and where they were scrolled to. */
const MAX_KEPT = 24;

export interface Shown {
  readonly path: string;
  readonly text: string;
  /** It is being written. */
  readonly growing: boolean;
  readonly editable: boolean;
  /** What is wrong with it, to be underlined. */
  readonly problems: readonly Problem[];
}

interface Kept {
  readonly state: EditorState;
  readonly text: string;
  readonly scrollTop: number;
}

/** Marks changes that come from outside. */
const outside = Annotation.define<boolean>();

export class Editor {
  readonly #view: EditorView;
  readonly #language = new Compartment();
  readonly #access = new Compartment();
  readonly #kept = new Map<string, Kept>();
  readonly #onType: (path: string, text: string) => void;
  #path = "";
  /** What the editor holds. */
  #text = "";
  #editable = false;
  #problems: readonly Problem[] = [];
  /** Nobody has scrolled away from the end. */
  #atEnd = true;

  constructor(host: HTMLElement, onType: (path: string, text: string) => void) {
    this.#onType = onType;
    const { parent, root } = mountPoint(host);
    this.#view = new EditorView({ parent, root, state: this.#state("", "") });
    const scroller = this.#view.scrollDOM;
    scroller.addEventListener("scroll", () => {
      const rest = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
      this.#atEnd = rest < NEAR_PX;
    });
  }

  /** Shows a file; of one that is shown already only what differs is drawn. */
  show(file: Shown): void {
    const same = file.path === this.#path;
    if (!same) this.#open(file);
    if (!same || file.editable !== this.#editable) {
      this.#editable = file.editable;
      this.#view.dispatch({
        effects: this.#access.reconfigure(access(file.path, file.editable)),
      });
    }
    if (file.text !== this.#text) {
      const follow = file.growing && this.#atEnd;
      const more = file.text.startsWith(this.#text);
      if (more) this.#append(file.text.slice(this.#text.length), follow);
      else this.#replace(file.text, follow);
      this.#text = file.text;
    }
    if (!same || file.problems !== this.#problems) this.#mark(file.problems);
  }

  /** Selects *length* characters from *line* and *column*, both from 1, and scrolls there. */
  reveal(line: number, column: number, length: number): void {
    const { doc } = this.#view.state;
    const row = doc.line(Math.max(1, Math.min(line, doc.lines)));
    const from = Math.min(row.from + Math.max(0, column - 1), row.to);
    const range = EditorSelection.range(from, Math.min(from + length, doc.length));
    this.#view.dispatch({
      selection: range,
      effects: EditorView.scrollIntoView(range, { y: "center" }),
    });
    this.#view.focus();
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }

  #mark(problems: readonly Problem[]): void {
    this.#problems = problems;
    const { state } = this.#view;
    const diagnostics = problems.map(({ line, severity, message }): Diagnostic => {
      const row = state.doc.line(Math.max(1, Math.min(line ?? 1, state.doc.lines)));
      const indent = row.text.length - row.text.trimStart().length;
      return { from: row.from + indent, to: row.to, severity, message };
    });
    this.#view.dispatch(setDiagnostics(state, diagnostics));
  }

  #open(file: Shown): void {
    const view = this.#view;
    if (this.#path !== "") {
      const { scrollTop } = view.scrollDOM;
      this.#kept.delete(this.#path);
      this.#kept.set(this.#path, { state: view.state, text: this.#text, scrollTop });
      const oldest = this.#kept.keys().next().value;
      if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    }
    const kept = this.#kept.get(file.path);
    this.#path = file.path;
    this.#atEnd = true;
    this.#text = kept?.text ?? file.text;
    view.setState(kept?.state ?? this.#state(file.path, file.text));
    view.scrollDOM.scrollTop = kept?.scrollTop ?? 0;
    void this.#highlight(file.path);
    if (file.growing) this.#toEnd();
  }

  #append(insert: string, follow: boolean): void {
    const end = this.#view.state.doc.length;
    this.#change(end, end, insert, follow);
  }

  /** Changes what differs only, so that the cursor and the lines on the screen stay. */
  #replace(text: string, follow: boolean): void {
    const old = this.#text;
    const most = Math.min(old.length, text.length);
    let from = 0;
    while (from < most && old.charCodeAt(from) === text.charCodeAt(from)) from += 1;
    let kept = 0;
    while (
      kept < most - from &&
      old.charCodeAt(old.length - 1 - kept) === text.charCodeAt(text.length - 1 - kept)
    ) {
      kept += 1;
    }
    this.#change(from, old.length - kept, text.slice(from, text.length - kept), follow);
  }

  #change(from: number, to: number, insert: string, follow: boolean): void {
    this.#view.dispatch({
      changes: { from, to, insert },
      annotations: [outside.of(true), Transaction.addToHistory.of(false)],
    });
    if (follow) this.#toEnd();
  }

  #toEnd(): void {
    const view = this.#view;
    // With the editor's own measuring, so that a frame has one layout.
    view.requestMeasure({
      key: this,
      read: () => view.contentHeight,
      write: (height) => {
        view.scrollDOM.scrollTop = height;
      },
    });
  }

  #state(path: string, text: string): EditorState {
    return EditorState.create({
      doc: text,
      extensions: [
        look(),
        this.#access.of(access(path, false)),
        foldGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSelectionMatches(),
        search({ top: true }),
        keymap.of([
          ...closeBracketsKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...foldKeymap,
          ...completionKeymap,
          ...defaultKeymap,
        ]),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          if (update.transactions.some((each) => each.annotation(outside) === true)) return;
          this.#text = update.state.doc.toString();
          this.#onType(path, this.#text);
        }),
        this.#language.of([]),
      ],
    });
  }

  async #highlight(path: string): Promise<void> {
    const language = await languageOf(path);
    if (language === null || path !== this.#path) return;
    this.#view.dispatch({ effects: this.#language.reconfigure(language) });
  }
}
