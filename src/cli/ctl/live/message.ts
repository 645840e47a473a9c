import { isObject, type JsonObject } from '../../../json-object.ts';
import { oneLine, printable } from '../../printable.ts';
import { bytes, dateAndTime, timeOfDay } from './figures.ts';
import { indentedJson } from './json-text.ts';
import { clipped } from './text.ts';

/** A message as the HTTP API shows it. */
export class ShownMessage {
  readonly #view: JsonObject;
  readonly #body: Buffer;
  /** The body, if it is text. */
  readonly #text: string | undefined;

  constructor(view: JsonObject) {
    this.#view = view;
    const payload = String(view['payload'] ?? '');
    const isText = view['payload_encoding'] !== 'base64';
    this.#body = Buffer.from(payload, isText ? 'utf8' : 'base64');
    this.#text = isText ? payload : this.#isCut ? textBeforeCut(this.#body) : undefined;
  }

  /** Of the whole body, in bytes. */
  get #size(): number {
    return Number(this.#view['payload_bytes'] ?? 0);
  }

  get #isCut(): boolean {
    return this.#body.length < this.#size;
  }

  /** Everything, on as many lines as it takes. `title` says which one it is. */
  lines(title: string): readonly string[] {
    const { exchange, routing_key: routingKey, enqueued_at: enqueuedAt, at = enqueuedAt } = this.#view;
    const { redelivered, due_at: dueAt } = this.#view;
    const parts = [
      title,
      `exchange ${oneLine(exchange === '' || exchange === undefined ? '(default)' : String(exchange))}`,
      `routing key ${oneLine(String(routingKey ?? ''))}`,
      ...(typeof at === 'number' ? [dateAndTime(at)] : []),
      ...(typeof dueAt === 'number' ? [`due ${dateAndTime(dueAt)}`] : []),
      bytes(this.#size),
      ...(redelivered === true ? ['redelivered'] : []),
    ];
    return [parts.join('   '), ...this.#propertyLines(), ...this.#bodyLines()];
  }

  /** What matters, on one line of at most so many columns. */
  line(width: number): string {
    const { routing_key: routingKey, at } = this.#view;
    const time = typeof at === 'number' ? `${timeOfDay(at)}  ` : '';
    const text = this.#text ?? this.#body.toString('hex');
    const more = this.#isCut ? '…' : '';
    return clipped(
      `${time}${oneLine(String(routingKey ?? ''))}  ${bytes(this.#size)}  ${oneLine(text)}${more}`,
      width,
    );
  }

  #propertyLines(): readonly string[] {
    const { properties } = this.#view;
    if (!isObject(properties)) return [];
    const { headers, ...others } = properties;
    const texts = Object.entries(others).map(([name, value]) => `${name}: ${oneLine(String(value))}`);
    const ofHeaders = Object.entries(isObject(headers) ? headers : {}).map(
      ([name, value]) => `  ${oneLine(name)}: ${oneLine(shown(value))}`,
    );
    return [
      ...(texts.length > 0 ? [`  ${texts.join('   ')}`] : []),
      ...(ofHeaders.length > 0 ? ['  headers', ...ofHeaders.map((line) => `  ${line}`)] : []),
    ];
  }

  #bodyLines(): readonly string[] {
    const text = this.#text;
    const shownLines = text === undefined ? hexLines(this.#body) : textLines(text, this.#isCut);
    const left = this.#size - this.#body.length;
    const more = left > 0 ? [`… ${bytes(left)} more`] : [];
    return [...shownLines, ...more].map((line) => `    ${line}`);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function textLines(text: string, isCut: boolean): readonly string[] {
  if (text === '') return [];
  const json = isCut ? undefined : indentedJson(text);
  return printable(json ?? text).split('\n');
}

/** Bytes that are text but for a character that was cut in two at their end. */
function textBeforeCut(body: Buffer): string | undefined {
  for (let cut = 0; cut < 4; cut++) {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(body.subarray(0, body.length - cut));
    } catch {
      // One byte less may be whole characters.
    }
  }
  return undefined;
}

const hexWidth = 16;

/** As hexdump -C has it. */
export function hexLines(body: Buffer): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < body.length; at += hexWidth) {
    const row = body.subarray(at, at + hexWidth);
    const octets = [...row].map((octet) => octet.toString(16).padStart(2, '0'));
    const halves = [octets.slice(0, hexWidth / 2), octets.slice(hexWidth / 2)];
    const hex = halves.map((half) => half.join(' ').padEnd((hexWidth / 2) * 3 - 1)).join('  ');
    const ascii = [...row]
      .map((octet) => (octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : '.'))
      .join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex}  |${ascii}|`);
  }
  return lines;
}
