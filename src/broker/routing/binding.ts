import { ByteWriter } from '../../protocol/byte-writer.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { writeTable } from '../../protocol/field-table-codec.ts';
import type { Queue } from '../queues/queue.ts';

/** An exchange as its bindings know it. */
export interface BoundExchange {
  readonly kind: 'exchange';
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** Bindings it is the source of. */
  readonly bindingCount: number;
  addBinding(binding: Binding): void;
  removeBinding(binding: Binding): void;
  /** The bindings to this destination with this routing key, whatever their arguments. */
  similarBindings(destination: Destination, routingKey: string): readonly Binding[];
}

/** Where a binding leads: queues take messages, exchanges route them on. */
export type Destination = Queue | BoundExchange;

/** One way from an exchange to a queue or another exchange. */
export class Binding {
  readonly source: BoundExchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;

  constructor(source: BoundExchange, destination: Destination, routingKey: string, all: FieldTable) {
    this.source = source;
    this.destination = destination;
    this.routingKey = routingKey;
    this.arguments = all;
  }

  /** Survives a restart when both ends do. */
  get durable(): boolean {
    return this.source.durable && this.destination.durable;
  }
}

/**
 * Bindings with the same ends and the same routing key are one binding if their arguments are the same in
 * any order; here the width of an integer makes a difference, as in RabbitMQ.
 */
export function sameBindingArguments(left: FieldTable, right: FieldTable): boolean {
  if (left.size !== right.size) return false;
  return left.size === 0 || sortedArgumentBytes(left).equals(sortedArgumentBytes(right));
}

/** The same bytes for the same arguments in any order. */
export function sortedArgumentBytes(all: FieldTable): Buffer {
  const entries = all.entries.toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  const writer = new ByteWriter();
  writeTable(writer, new FieldTable(entries));
  return writer.bytes();
}
