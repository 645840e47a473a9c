/** Bytes in error texts, written the way RabbitMQ's logs and close reasons show them. */

/** More than a reply text can hold, so what is cut off here would be cut off there. */
const octetsShownMax = 256;

/** How much of a frame's payload a framing error quotes. */
const snippetOctets = 16;

/** `<<1,2,255>>` */
export function octetList(buffer: Buffer, start: number, end: number): string {
  return `<<${buffer.subarray(start, Math.min(end, start + octetsShownMax)).join(',')}>>`;
}

/** `all octets = <<"text">>` or `first 16 octets = <<1,2,…>>` */
export function payloadSnippet(buffer: Buffer, start: number, end: number): string {
  const whole = end - start <= snippetOctets;
  const last = whole ? end : start + snippetOctets;
  const text = buffer.toString('latin1', start, last);
  const shown = /^[ -~]+$/.test(text)
    ? `<<"${text.replace(/["\\]/g, '\\$&')}">>`
    : octetList(buffer, start, last);
  return `${whole ? 'all' : `first ${snippetOctets}`} octets = ${shown}`;
}
