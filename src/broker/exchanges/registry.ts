import { consistentHash } from './consistent-hash.ts';
import { direct } from './direct.ts';
import { event } from './event.ts';
import type { ExchangeType } from './exchange-type.ts';
import { fanout } from './fanout.ts';
import { headers } from './headers.ts';
import { messageDeduplication } from './message-deduplication.ts';
import { modulusHash } from './modulus-hash.ts';
import { random } from './random.ts';
import { topic } from './topic.ts';

/** The types that exchange.declare knows, by name. A new type is a file and an entry here. */
export const exchangeTypes: ReadonlyMap<string, ExchangeType> = new Map(
  [direct, fanout, topic, headers, consistentHash, modulusHash, random, messageDeduplication, event].map(
    (type) => [type.name, type],
  ),
);
