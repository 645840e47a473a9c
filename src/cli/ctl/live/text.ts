import stringWidth from 'string-width';

const ellipsis = '…';
const graphemes = new Intl.Segmenter();

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** At most so many columns of a terminal; what does not fit is replaced by an ellipsis. */
export function clipped(text: string, width: number): string {
  if (!Number.isFinite(width)) return text;
  // Most texts are short and plain.
  if (text.length <= width && /^[\x20-\x7e]*$/.test(text)) return text;
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return width > 0 ? kept + ellipsis : '';
}

/** Exactly so many columns. */
export function padded(text: string, width: number, isRight = false): string {
  const shown = clipped(text, width);
  const space = ' '.repeat(Math.max(0, width - stringWidth(shown)));
  return isRight ? space + shown : shown + space;
}
