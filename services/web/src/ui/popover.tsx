import { type ReactNode, useEffect, useId, useRef, useState } from "react";

interface PopoverProps {
  label: string;
  /** What is shown on the button. */
  trigger: ReactNode;
  children: ReactNode;
  testId?: string;
  className?: string;
}

/** A button and what it shows below itself; Escape or a click elsewhere closes it. */
export function Popover({ label, trigger, children, testId, className = "" }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    const onPointer = (event: PointerEvent) => {
      if (!(event.target instanceof Node) || !box.current?.contains(event.target)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    window.addEventListener("pointerdown", onPointer);
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("pointerdown", onPointer);
      window.removeEventListener("keydown", onKey);
    };
  }, [open]);
  return (
    <div ref={box} className="relative">
      <button
        ref={button}
        type="button"
        title={label}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
        data-testid={testId}
        className={className}
      >
        {trigger}
      </button>
      {open && (
        <div
          id={id}
          role="group"
          aria-label={label}
          className="absolute top-full right-0 z-30 mt-1.5 w-72 rounded-lg border border-line bg-surface p-4 text-left shadow-xl"
        >
          {children}
        </div>
      )}
    </div>
  );
}
