import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode } from "react";

type Look = "primary" | "outline" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  outline: "border border-control bg-surface text-ink hover:border-accent hover:text-accent",
  quiet: "text-muted hover:bg-sunken hover:text-ink",
  danger: "bg-danger text-on-danger hover:bg-danger-strong",
};

const BASE =
  "inline-flex shrink-0 items-center justify-center gap-2 rounded-md font-medium whitespace-nowrap transition-colors disabled:pointer-events-none disabled:opacity-50";

type Size = "tiny" | "small" | "normal";

const SIZES: Record<Size, string> = {
  tiny: "h-7 px-2.5 text-sm",
  small: "h-8 px-3 text-sm",
  normal: "h-10 px-4",
};

/** The classes of a button, for links that look like one. */
export function buttonClass(look: Look = "primary", size: Size = "normal"): string {
  return `${BASE} ${LOOKS[look]} ${SIZES[size]}`;
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  size?: Size;
  icon?: ReactNode;
  busy?: boolean;
}

export function Button({
  look = "primary",
  size = "normal",
  icon,
  busy = false,
  children,
  className = "",
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled === true || busy}
      aria-busy={busy}
      className={`${buttonClass(look, size)} ${className}`}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
}

/** A button that shows an icon only; *label* is its name and its tooltip. */
export function IconButton({ label, className = "", ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={`${BASE} ${LOOKS.quiet} size-8 ${className}`}
    />
  );
}

export function Spinner() {
  return <LoaderCircle aria-hidden size={16} className="animate-spin" />;
}
