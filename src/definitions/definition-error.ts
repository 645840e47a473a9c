/** A definition file that cannot be imported: nothing of it has been. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';
}
