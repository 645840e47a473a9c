import type { FieldTable } from '../../protocol/field-table.ts';
import type { ResourceKind } from '../names.ts';

/** What exchange.declare asks for. */
export interface ExchangeDeclaration {
  readonly name: string;
  readonly type: string;
  readonly passive: boolean;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

/** What queue.declare asks for. */
export interface QueueDeclaration {
  /** Empty: the broker makes one up. */
  readonly name: string;
  readonly passive: boolean;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
}

/** What queue.bind, exchange.bind and their opposites ask for. */
export interface BindingDeclaration {
  readonly source: string;
  readonly destination: string;
  readonly destinationKind: ResourceKind;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}
