/** Bytes in error texts, written the way RabbitMQ's logs and close reasons show them. */

/** More than a reply text can hold, so what is cut off here would be cut off there. */
const octetsShownMax = 256;

/** How much of a frame's payload a framing error quotes. */
const snippetOctets = 16;

/** `<<1,2,255>>` */
export function octetList(buffer: Buffer, start: number, end: number): string {
  return `<<${buffer.subarray(start, Math.min(end, start + octetsShownMax)).join(',')}>>`;
}

/** How Erlang writes what it escapes in a string. */
const escapes: ReadonlyMap<number, string> = new Map([
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x1b, '\\e'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

/** `all octets = <<"text">>` or `first 16 octets = <<1,2,…>>` */
export function payloadSnippet(buffer: Buffer, start: number, end: number): string {
  const whole = end - start <= snippetOctets;
  const last = whole ? end : start + snippetOctets;
  const text = quoted(buffer.subarray(start, last));
  const shown = text === undefined ? octetList(buffer, start, last) : `<<${text}>>`;
  return `${whole ? 'all' : `first ${snippetOctets}`} octets = ${shown}`;
}

/** As a string, if Erlang would print it so: Latin-1 without most of the control characters, and not empty. */
function quoted(octets: Buffer): string | undefined {
  let text = '';
  for (const octet of octets) {
    const printable = (octet >= 0x20 && octet <= 0x7e) || octet >= 0xa0;
    const shown = escapes.get(octet) ?? (printable ? String.fromCharCode(octet) : undefined);
    if (shown === undefined) return undefined;
    text += shown;
  }
  return text === '' ? undefined : `"${text}"`;
}
