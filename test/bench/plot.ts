/** The course of a benchmark as an SVG: rates above, memory below, one column of panels per broker. */
import type { Course } from './bench.ts';
import type { Sample } from './measurement.ts';

const panel = { width: 420, height: 180, left: 64, top: 40, gap: 44 } as const;
const pointsMax = 400;
const colours = ['#2a6fb0', '#c4501b', '#3d8a4f'];
const names = { leveret: 'Leveret', ceiling: 'ceiling', rabbitmq: 'RabbitMQ' } as const;

interface Quantity {
  readonly title: string;
  readonly of: (sample: Sample) => number;
}

const quantities: readonly Quantity[] = [
  { title: 'messages, k/s', of: (sample) => sample.messagesPerSecond / 1000 },
  { title: 'RssAnon, MiB', of: (sample) => sample.rssAnonMib },
];

/** Panels beside each other share the scale of their quantity, not that of time. */
export function plotOf(courses: readonly Course[]): string {
  const labels = [...new Set(courses.flatMap(({ samples }) => samples.map((sample) => sample.label)))];
  const body = courses.flatMap((course, column) =>
    quantities.flatMap((quantity, row) => {
      const top = Math.max(...courses.flatMap(({ samples }) => samples.map(quantity.of)));
      const x = panel.left + column * (panel.width + panel.left);
      const y = panel.top + row * (panel.height + panel.gap);
      return [
        `<g transform="translate(${x} ${y})">`,
        ...panelOf(course, quantity, niceCeiling(top), labels),
        ...(row === 0 ? [text(0, -22, `${names[course.broker]}, ${course.scenario}`, 'start', 'bold')] : []),
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
    ...labels.map((label, index) => legend(label, colour(index), panel.left + index * 110, height - 14)),
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
  const lines = labels.map((label, index) => {
    const own = thinned(samples.filter((sample) => sample.label === label));
    const points = own.map((sample) => `${xOf(sample.seconds)},${yOf(quantity.of(sample))}`).join(' ');
    return `<polyline fill="none" stroke="${colour(index)}" stroke-width="1.5" points="${points}"/>`;
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

/** Means of neighbours, so that long runs do not make large files. */
function thinned(samples: readonly Sample[]): Sample[] {
  const each = Math.ceil(samples.length / pointsMax);
  const kept: Sample[] = [];
  for (let at = 0; at < samples.length; at += each) {
    const group = samples.slice(at, at + each);
    const [first] = group;
    if (first === undefined) break;
    const mean = (of: (sample: Sample) => number) =>
      group.reduce((sum, sample) => sum + of(sample), 0) / group.length;
    kept.push({
      label: first.label,
      seconds: mean((sample) => sample.seconds),
      messagesPerSecond: mean((sample) => sample.messagesPerSecond),
      rssAnonMib: mean((sample) => sample.rssAnonMib),
    });
  }
  return kept;
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

function legend(label: string, stroke: string, x: number, y: number): string {
  return `<path d="M${x} ${y - 4}h24" stroke="${stroke}" stroke-width="3"/>${text(x + 30, y, label, 'start')}`;
}

function text(x: number, y: number, content: string, anchor: string, weight = 'normal'): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-weight="${weight}">${safe}</text>`;
}
