import type { FieldTable } from '../../protocol/field-table.ts';
import { textOf } from '../../protocol/field-value.ts';

/** What the client says it can handle. The broker sends nothing that needs more than that. */
export interface ClientCapabilities {
  /** basic.cancel from the broker. */
  readonly consumerCancelNotify: boolean;
  /** connection.close when a login is refused, rather than silence. */
  readonly authenticationFailureClose: boolean;
  /** connection.blocked and connection.unblocked. */
  readonly connectionBlocked: boolean;
}

/** How a client introduced itself in connection.start-ok. */
export class ClientProperties {
  /** As sent, for listings. */
  readonly table: FieldTable;
  readonly capabilities: ClientCapabilities;
  /** The name the application gave this connection, or else its client library. */
  readonly displayName: string | undefined;

  constructor(table: FieldTable) {
    this.table = table;
    const listed = table.get('capabilities');
    const isTrue = (name: string): boolean => {
      const value = listed?.tag === 'F' ? listed.value.get(name) : undefined;
      return value?.tag === 't' && value.value;
    };
    this.capabilities = {
      consumerCancelNotify: isTrue('consumer_cancel_notify'),
      authenticationFailureClose: isTrue('authentication_failure_close'),
      connectionBlocked: isTrue('connection.blocked'),
    };
    this.displayName = textOf(table.get('connection_name')) ?? textOf(table.get('product'));
  }
}
