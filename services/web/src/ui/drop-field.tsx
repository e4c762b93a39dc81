import type { LucideIcon } from "lucide-react";
import type { InputHTMLAttributes } from "react";

interface DropFieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "type" | "className"> {
  icon: LucideIcon;
  /** What to drop, or what was. */
  title: string;
  about: string;
  testId: string;
}

/** A place to drop files on: all of it is the field, which takes what is dropped by itself. */
export function DropField({ icon: Icon, title, about, testId, ...rest }: DropFieldProps) {
  return (
    <label className="relative flex flex-col items-center gap-1.5 rounded-lg border border-dashed border-control bg-sunken px-4 py-7 text-center text-sm focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-accent hover:border-accent">
      <Icon aria-hidden size={24} />
      <span className="max-w-full font-medium break-words">{title}</span>
      <span>{about}</span>
      <input
        type="file"
        {...rest}
        data-testid={testId}
        className="absolute inset-0 cursor-pointer opacity-0"
      />
    </label>
  );
}
