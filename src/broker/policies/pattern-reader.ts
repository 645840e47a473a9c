/** A pattern that is no regular expression: PCRE's words and the offset, in bytes, at which it gave up. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Reads a pattern from its beginning to its end, one character per byte. */
export class PatternReader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  next(): string {
    return this.text[this.at++] ?? '';
  }

  rest(length: number): string {
    return this.text.slice(this.at, this.at + length);
  }

  take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** `pattern` is sticky. */
  takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found !== undefined) this.at += found[0].length;
    return found;
  }

  error(message: string): PatternError {
    return new PatternError(message, this.at);
  }
}
