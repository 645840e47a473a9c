/** There is no queue, or no exchange, of the name that messages were to go to or be followed at. */
export class MissingTargetError extends Error {
  override readonly name = 'MissingTargetError';

  constructor(kind: 'queue' | 'exchange', name: string, vhost: string) {
    super(`no ${kind} '${name}' in vhost '${vhost}'`);
  }
}
