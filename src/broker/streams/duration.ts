/** Milliseconds in a unit of x-max-age; a year has 365 days, a month 30 (RabbitMQ page "Streams"). */
const unitMs: Readonly<Record<string, number>> = {
  Y: 365 * 86_400_000,
  M: 30 * 86_400_000,
  D: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
};

/** The milliseconds in `7D`, `12h`, `30s`; undefined for what is no such text, and for none at all. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = /^([0-9]+)([YMDhms])$/.exec(text) ?? [];
  const ms = Number(digits) * (unitMs[unit ?? ''] ?? 0);
  return ms > 0 ? ms : undefined;
}
