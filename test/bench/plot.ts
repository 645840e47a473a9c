/** The course of a benchmark as an SVG: rates above, memory below, one column of panels per broker. */
import type { Course } from './bench.ts';
import { boundNames } from './bound.ts';
import type { Sample } from './measurement.ts';
import { columnTitles } from './results.ts';

const panel = { width: 420, height: 180, left: 64, top: 40, gap: 44 } as const;
const pointsMax = 400;
const colours = ['#2a6fb0', '#c4501b', '#3d8a4f'];

interface Quantity {
  readonly title: string;
  /** `undefined`: there is no such thing at that moment. */
  readonly of: (sample: Sample) => number | undefined;
}

const quantities: readonly Quantity[] = [
  { title: 'messages, k/s', of: (sample) => sample.messagesPerSecond / 1000 },
  { title: 'RssAnon, MiB', of: (sample) => sample.rssAnonMib },
];

/** Panels beside each other share the scale of their quantity, not that of time. */
export function plotOf(courses: readonly Course[]): string {
  const distinct = new Set(courses.flatMap(({ samples }) => samples.map((sample) => sample.label)));
  // Bounds come last: what is under load has the same colour with and without them.
  const labels = [...distinct].sort((left, right) => Number(isBound(left)) - Number(isBound(right)));
  const body = courses.flatMap((course, column) =>
    quantities.flatMap((quantity, row) => {
      const top = Math.max(
        ...courses.flatMap(({ samples }) => samples.map((each) => quantity.of(each) ?? 0)),
      );
      const x = panel.left + column * (panel.width + panel.left);
      const y = panel.top + row * (panel.height + panel.gap);
      return [
        `<g transform="translate(${x} ${y})">`,
        ...panelOf(course, quantity, niceCeiling(top), labels),
        ...(row === 0
          ? [text(0, -22, `${columnTitles[course.broker]}, ${course.scenario}`, 'start', 'bold')]
          : []),
        '</g>',
      ];
    }),
  );
  const width = panel.left / 2 + courses.length * (panel.width + panel.left);
  const height = panel.top + quantities.length * (panel.height + panel.gap) + 24;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ' font-family="sans-serif" font-size="12">',
    '<title>Messages per second and memory over time</title>',
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...body,
    ...labels.map((label, index) => legend(label, index, panel.left + index * 110, height - 14)),
    '</svg>',
    '',
  ].join('\n');
}

function panelOf({ samples }: Course, quantity: Quantity, top: number, labels: readonly string[]): string[] {
  const { width, height } = panel;
  const end = niceCeiling(Math.max(...samples.map((sample) => sample.seconds)));
  const xOf = (seconds: number) => ((seconds / end) * width).toFixed(1);
  const yOf = (value: number) => (height - (value / top) * height).toFixed(1);
  const marks = [0, 0.25, 0.5, 0.75, 1];
  const lines = labels.flatMap((label, index) => {
    const own = samples.filter((sample) => sample.label === label);
    const points = thinned(own.flatMap((sample) => pointOf(sample, quantity) ?? []));
    if (points.length === 0) return [];
    const places = points.map(({ seconds, value }) => `${xOf(seconds)},${yOf(value)}`).join(' ');
    return `<polyline fill="none" stroke="${colour(index)}"${dash(label)} stroke-width="1.5" points="${places}"/>`;
  });
  return [
    ...marks.map((mark) => {
      const y = yOf(mark * top);
      return `<path d="M0 ${y}H${width}" stroke="#ddd"/>${text(-6, Number(y) + 4, short(mark * top), 'end')}`;
    }),
    ...marks.map((mark) => text(mark * width, height + 16, `${short(mark * end)} s`, 'middle')),
    text(0, -6, quantity.title, 'start'),
    ...lines,
  ];
}

interface Point {
  readonly seconds: number;
  readonly value: number;
}

function pointOf(sample: Sample, quantity: Quantity): Point | undefined {
  const value = quantity.of(sample);
  return value === undefined ? undefined : { seconds: sample.seconds, value };
}

/** Means of neighbours, so that long runs do not make large files. */
function thinned(points: readonly Point[]): Point[] {
  const each = Math.ceil(points.length / pointsMax);
  const kept: Point[] = [];
  for (let at = 0; at < points.length; at += each) {
    const group = points.slice(at, at + each);
    const mean = (of: (point: Point) => number) =>
      group.reduce((sum, point) => sum + of(point), 0) / group.length;
    kept.push({ seconds: mean(({ seconds }) => seconds), value: mean(({ value }) => value) });
  }
  return kept;
}

/** Bounds are dashed: between what was measured before and after, nobody knows. */
function dash(label: string): string {
  return isBound(label) ? ' stroke-dasharray="5 4"' : '';
}

function isBound(label: string): boolean {
  return boundNames.some((name) => name === label);
}

/** The next of 1, 2, 4, 6, 8 times a power of ten: its quarters are short numbers. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return ([1, 2, 4, 6, 8].find((step) => step * power >= value) ?? 10) * power;
}

function short(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

function colour(index: number): string {
  return colours[index % colours.length] ?? 'black';
}

function legend(label: string, index: number, x: number, y: number): string {
  const line = `<path d="M${x} ${y - 4}h24" stroke="${colour(index)}"${dash(label)} stroke-width="3"/>`;
  return `${line}${text(x + 30, y, label, 'start')}`;
}

function text(x: number, y: number, content: string, anchor: string, weight = 'normal'): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-weight="${weight}">${safe}</text>`;
}
