import { FilePlus2, Files, Search } from "lucide-react";
import { useState } from "react";

import { IconButton } from "../../../ui/button";
import { INPUT_CLASS } from "../../../ui/field";
import type { Desk } from "../use-desk";
import { FileTabs } from "./file-tabs";
import { FileTree } from "./file-tree";
import { NewFile } from "./new-file";
import { SearchPanel } from "./search-panel";
import { Empty, ShownFile } from "./shown-file";
import { Versions } from "./versions";

interface CodePaneProps {
  desk: Desk;
  wide: boolean;
}

/** The files of the project: the tree or the search on one side, one file on the other. */
export function CodePane({ desk, wide }: CodePaneProps) {
  const [creating, setCreating] = useState(false);
  const create = desk.past ? undefined : () => setCreating(true);
  return (
    <div className={`flex h-full min-h-0 bg-surface ${wide ? "" : "flex-col"}`}>
      {wide ? <Side desk={desk} onCreate={create} /> : <PhoneBar desk={desk} onCreate={create} />}
      {(wide || desk.side === "files") && (
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          {wide && <FileTabs desk={desk} />}
          <Stage desk={desk} wide={wide} />
        </div>
      )}
      {creating && <NewFile desk={desk} onClose={() => setCreating(false)} />}
    </div>
  );
}

function Stage({ desk, wide }: CodePaneProps) {
  const { shown } = desk.files;
  if (desk.comparing !== null) {
    return <Versions desk={desk} comparing={desk.comparing} narrow={!wide} />;
  }
  if (shown === null) return <Empty>Files appear here as they are written.</Empty>;
  return <ShownFile desk={desk} path={shown} wide={wide} />;
}

interface SideProps {
  desk: Desk;
  onCreate: (() => void) | undefined;
}

const PRESSED = "size-7! aria-pressed:bg-accent-soft aria-pressed:text-accent";

function Side({ desk, onCreate }: SideProps) {
  const { side, setSide } = desk;
  return (
    <div className="flex w-60 shrink-0 flex-col border-r border-line">
      <div className="flex h-9 shrink-0 items-center gap-0.5 px-2">
        <IconButton
          label="Files"
          aria-pressed={side === "files"}
          onClick={() => setSide("files")}
          className={PRESSED}
        >
          <Files aria-hidden size={16} />
        </IconButton>
        <IconButton
          label="Search in all files"
          aria-pressed={side === "search"}
          onClick={() => setSide("search")}
          data-testid="search-open"
          className={PRESSED}
        >
          <Search aria-hidden size={16} />
        </IconButton>
        {onCreate !== undefined && (
          <IconButton
            label="New file"
            onClick={onCreate}
            data-testid="new-file"
            className="ml-auto size-7!"
          >
            <FilePlus2 aria-hidden size={16} />
          </IconButton>
        )}
      </div>
      <div className="min-h-0 flex-1">
        {side === "files" ? (
          <div className="h-full overflow-y-auto pb-2">
            <FileTree leaves={desk.leaves} selected={desk.files.shown} onSelect={desk.openFile} />
          </div>
        ) : (
          <SearchPanel desk={desk} onOpen={desk.openFile} />
        )}
      </div>
    </div>
  );
}

function PhoneBar({ desk, onCreate }: SideProps) {
  const { side, setSide, leaves, files } = desk;
  if (leaves.size === 0 && onCreate === undefined) return null;
  const searching = side === "search";
  const open: Desk["openFile"] = (...place) => {
    desk.openFile(...place);
    setSide("files");
  };
  return (
    <div className={`flex min-h-0 flex-col ${searching ? "flex-1" : "shrink-0"}`}>
      <div className="flex shrink-0 items-center gap-1 border-b border-line p-2">
        <select
          aria-label="File"
          data-testid="file-select"
          value={files.shown ?? ""}
          onChange={(event) => open(event.target.value)}
          className={`${INPUT_CLASS} h-10 min-w-0 flex-1 font-mono text-sm`}
        >
          {[...leaves.keys()].toSorted().map((path) => (
            <option key={path} value={path}>
              {path}
              {leaves.get(path)?.edited === true && " •"}
            </option>
          ))}
        </select>
        <IconButton
          label="Search in all files"
          aria-pressed={searching}
          onClick={() => setSide(searching ? "files" : "search")}
          data-testid="search-open"
          className="size-10! aria-pressed:bg-accent-soft aria-pressed:text-accent"
        >
          <Search aria-hidden size={18} />
        </IconButton>
        {onCreate !== undefined && (
          <IconButton
            label="New file"
            onClick={onCreate}
            data-testid="new-file"
            className="size-10!"
          >
            <FilePlus2 aria-hidden size={18} />
          </IconButton>
        )}
      </div>
      {searching && (
        <div className="min-h-0 flex-1 pt-2">
          <SearchPanel desk={desk} onOpen={open} />
        </div>
      )}
    </div>
  );
}
