/** Certificates that cannot be used. The message is one line that names the file. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
}
