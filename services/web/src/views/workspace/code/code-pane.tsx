import { FilePlus2, Files, Search, Upload as UploadIcon } from "lucide-react";
import { useState } from "react";

import { IconButton } from "../../../ui/button";
import { INPUT_CLASS } from "../../../ui/field";
import type { Desk } from "../use-desk";
import { FileTabs } from "./file-tabs";
import { FileTree } from "./file-tree";
import { NewFile } from "./new-file";
import { SearchPanel } from "./search-panel";
import { Empty, ShownFile } from "./shown-file";
import { Upload } from "./upload";
import { Versions } from "./versions";

interface CodePaneProps {
  desk: Desk;
  wide: boolean;
}

/** The files of the project: the tree or the search on one side, one file on the other. */
export function CodePane({ desk, wide }: CodePaneProps) {
  const [asking, setAsking] = useState<"new" | "upload" | null>(null);
  const onAdd = desk.past ? undefined : setAsking;
  return (
    <div className={`flex h-full min-h-0 bg-surface ${wide ? "" : "flex-col"}`}>
      {wide ? <Side desk={desk} onAdd={onAdd} /> : <PhoneBar desk={desk} onAdd={onAdd} />}
      {(wide || desk.side === "files") && (
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          {wide && <FileTabs desk={desk} />}
          <Stage desk={desk} wide={wide} />
        </div>
      )}
      {asking === "new" && <NewFile desk={desk} onClose={() => setAsking(null)} />}
      {asking === "upload" && <Upload desk={desk} onClose={() => setAsking(null)} />}
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
  onAdd: ((how: "new" | "upload") => void) | undefined;
}

const PRESSED = "size-7! aria-pressed:bg-accent-soft aria-pressed:text-accent";

function Side({ desk, onAdd }: SideProps) {
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
        <span className="flex-1" />
        {onAdd !== undefined && <Add onAdd={onAdd} size="size-7!" />}
      </div>
      <div className="min-h-0 flex-1">
        {side === "files" ? (
          <div className="h-full overflow-y-auto pb-2">
            <FileTree leaves={desk.leaves} selected={seenPath(desk)} onSelect={desk.openFile} />
          </div>
        ) : (
          <SearchPanel desk={desk} onOpen={desk.openFile} />
        )}
      </div>
    </div>
  );
}

function Add({ onAdd, size }: { onAdd: NonNullable<SideProps["onAdd"]>; size: string }) {
  return (
    <>
      <IconButton label="Upload files" onClick={() => onAdd("upload")} data-testid="upload-open" className={size}>
        <UploadIcon aria-hidden size={16} />
      </IconButton>
      <IconButton label="New file" onClick={() => onAdd("new")} data-testid="new-file" className={size}>
        <FilePlus2 aria-hidden size={16} />
      </IconButton>
    </>
  );
}

/** The file that is looked at: as it is, or at two moments. */
function seenPath({ comparing, files }: Desk): string | null {
  return comparing?.path ?? files.shown;
}

function PhoneBar({ desk, onAdd }: SideProps) {
  const { side, setSide, leaves } = desk;
  if (leaves.size === 0 && onAdd === undefined) return null;
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
          value={seenPath(desk) ?? ""}
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
        {onAdd !== undefined && <Add onAdd={onAdd} size="size-10!" />}
      </div>
      {searching && (
        <div className="min-h-0 flex-1 pt-2">
          <SearchPanel desk={desk} onOpen={open} />
        </div>
      )}
    </div>
  );
}
