interface LimitProps {
  label: string;
  spent: number;
  limit: number | null;
  show: (amount: number) => string;
}

/** How much of a limit is used; nothing where there is none. */
export function Limit({ label, spent, limit, show }: LimitProps) {
  if (limit === null) return null;
  const share = limit === 0 ? 1 : Math.min(1, spent / limit);
  return (
    <div className="mt-2" data-testid="limit">
      <p className="flex justify-between text-xs">
        <span>{label}</span>
        <span className="tabular-nums">
          {show(spent)} of {show(limit)}
        </span>
      </p>
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={limit}
        aria-valuenow={Math.min(spent, limit)}
        aria-valuetext={`${show(spent)} of ${show(limit)}`}
        className="mt-1 h-1.5 overflow-hidden rounded-full bg-sunken"
      >
        <div
          className={`h-full rounded-full ${share > 0.9 ? "bg-danger" : "bg-accent"}`}
          style={{ width: `${share * 100}%` }}
        />
      </div>
    </div>
  );
}
