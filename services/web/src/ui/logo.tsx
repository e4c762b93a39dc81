/** A set square: the mark of the workshop. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden className="shrink-0">
      <rect width="32" height="32" rx="7" className="fill-mat" />
      <path
        d="M16 5.5 27 26H5z"
        fill="none"
        strokeWidth="2.6"
        strokeLinejoin="round"
        className="stroke-on-mat"
      />
      <path d="M16 14.2 20.4 22h-8.8z" className="fill-chalk-fill" />
    </svg>
  );
}
