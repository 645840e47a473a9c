/** A data directory that cannot be opened. The message is one line for the operator and says what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}
