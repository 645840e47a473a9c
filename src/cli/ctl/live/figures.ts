const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345` */
export function count(value: number): string {
  return grouped.format(value);
}

/** `1 message`, `12,345 messages` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A rate in five characters or so: `0.4`, `12`, `12,345`. */
export function perSecond(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

/** `512 B`, `1.5 KiB` */
export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let [scaled, unit] = [value / 1024, 0];
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled < 10 ? scaled.toFixed(1) : scaled.toFixed(0)} ${units[unit]}`;
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h` */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const [minutes, hours, days] = [
    Math.floor(whole / 60),
    Math.floor(whole / 3600),
    Math.floor(whole / 86400),
  ];
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${days} d ${hours % 24} h`;
}

/** `14:03:02.123`, where the reader is. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** `2026-11-29 14:03:02`, where the reader is. */
export function dateAndTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(at).slice(0, 8)}`;
}
