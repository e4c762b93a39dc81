/** Terminal output as styled pieces: colours and bold are kept, everything else is dropped. */

export interface Piece {
  readonly text: string;
  /** One of the eight basic colours, null for the default. */
  readonly color: Color | null;
  readonly bold: boolean;
}

export type Color =
  | "black"
  | "red"
  | "green"
  | "yellow"
  | "blue"
  | "magenta"
  | "cyan"
  | "white";

const COLORS: readonly Color[] = [
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
];

// CSI sequences (ECMA-48, 5.4), OSC sequences up to BEL or ST, and other escapes of two characters.
const ESCAPE =
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  /\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
// oxlint-disable-next-line no-control-regex -- the same
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

export function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let style: Omit<Piece, "text"> = { color: null, bold: false };
  let from = 0;
  const add = (to: number) => {
    const text = line.slice(from, to).replace(CONTROL, "");
    if (text !== "") pieces.push({ text, ...style });
  };
  for (const match of line.matchAll(ESCAPE)) {
    add(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") style = styled(style, match[1] ?? "");
  }
  add(line.length);
  return pieces;
}

function styled(style: Omit<Piece, "text">, parameters: string): Omit<Piece, "text"> {
  let { color, bold } = style;
  const codes = parameters.split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) [color, bold] = [null, false];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) color = null;
    else if (code >= 30 && code <= 37) color = COLORS[code - 30] ?? null;
    else if (code >= 90 && code <= 97) color = COLORS[code - 90] ?? null;
    else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;
  }
  return { color, bold };
}
