/** A definition file that cannot be imported: nothing of it has been. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';
  /** Whether it is no JSON at all, or says what makes no sense. */
  readonly kind: 'syntax' | 'content';

  constructor(message: string, kind: 'syntax' | 'content' = 'content') {
    super(message);
    this.kind = kind;
  }
}
