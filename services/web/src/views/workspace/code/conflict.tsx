import { lazy, Suspense, useState } from "react";

import type { Edit } from "../../../project/edits";
import { Button } from "../../../ui/button";
import type { Desk } from "../use-desk";
import { Opening } from "./shown-file";

const CompareView = lazy(() => import("./compare-view"));

interface ConflictProps {
  desk: Desk;
  edit: Edit;
  recorded: string | null;
  narrow: boolean;
}

/** A file that was changed twice: both versions, and the choice between them or of both. */
export function Conflict({ desk, edit, recorded, narrow }: ConflictProps) {
  const { store } = desk.edits;
  const { path } = edit;
  const theirs = recorded ?? "";
  const [round, setRound] = useState({ theirs, mine: edit.text, number: 0 });
  // It can change once more while somebody decides: begin anew with both as they are then.
  if (round.theirs !== theirs) setRound({ theirs, mine: edit.text, number: round.number + 1 });

  const keepMine = () => {
    store.rebase(path, recorded);
    void store.save(path);
  };
  return (
    <section aria-label="Conflict" data-testid="conflict" className="flex min-h-0 flex-1 flex-col">
      <div
        role="alert"
        className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-chalk-soft px-4 py-2 text-sm"
      >
        <p className="min-w-0 flex-1 basis-64">
          <strong className="font-semibold">Changed while you were typing.</strong>{" "}
          {narrow
            ? "Red is how it is now, green is yours. Edit yours if you want both, then choose."
            : "Left is how it is now, right is yours. Take parts over with the arrows, then choose."}
        </p>
        <div className="flex flex-wrap gap-2">
          <Button size="small" onClick={keepMine} busy={edit.saving} data-testid="keep-mine">
            Save mine
          </Button>
          <Button
            size="small"
            look="outline"
            onClick={() => store.discard(path)}
            data-testid="take-theirs"
          >
            Take theirs
          </Button>
        </div>
      </div>
      <Suspense fallback={<Opening />}>
        <CompareView
          key={round.number}
          path={path}
          before={{ label: `${path} as it is now`, text: round.theirs }}
          after={{ label: `${path} as you have it`, text: round.mine }}
          folded
          narrow={narrow}
          onType={(text) => store.type(path, recorded, text)}
        />
      </Suspense>
    </section>
  );
}
