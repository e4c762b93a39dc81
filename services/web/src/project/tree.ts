/** Paths as the rows of a tree: folders first, then files, each by name. */

export interface Row {
  readonly path: string;
  readonly name: string;
  /** 1 at the top. */
  readonly level: number;
  readonly folder: boolean;
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: Set<string>;
}

const ORDER = new Intl.Collator("en", { numeric: true });

/** The rows that are to be seen while the folders in *closed* are shut. */
export function rowsOf(paths: Iterable<string>, closed: ReadonlySet<string>): Row[] {
  const root: Folder = { folders: new Map(), files: new Set() };
  for (const path of paths) {
    const names = path.split("/");
    const file = names.pop() ?? "";
    let folder = root;
    for (const name of names) {
      let child = folder.folders.get(name);
      if (child === undefined) {
        child = { folders: new Map(), files: new Set() };
        folder.folders.set(name, child);
      }
      folder = child;
    }
    folder.files.add(file);
  }
  return walk(root, "", 1, closed);
}

function walk(folder: Folder, prefix: string, level: number, closed: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  for (const name of [...folder.folders.keys()].toSorted(ORDER.compare)) {
    const path = prefix + name;
    rows.push({ path, name, level, folder: true });
    const child = folder.folders.get(name);
    if (child !== undefined && !closed.has(path)) {
      rows.push(...walk(child, `${path}/`, level + 1, closed));
    }
  }
  for (const name of [...folder.files].toSorted(ORDER.compare)) {
    rows.push({ path: prefix + name, name, level, folder: false });
  }
  return rows;
}
