import { consistentHash } from './consistent-hash.ts';
import { delayedMessage } from './delayed-message.ts';
import { direct } from './direct.ts';
import { event } from './event.ts';
import type { ExchangeType } from './exchange-type.ts';
import { fanout } from './fanout.ts';
import { headers } from './headers.ts';
import { localRandom } from './local-random.ts';
import { messageDeduplication } from './message-deduplication.ts';
import { modulusHash } from './modulus-hash.ts';
import { random } from './random.ts';
import { recentHistory } from './recent-history.ts';
import { topic } from './topic.ts';

const types = new Map<string, ExchangeType>(
  [
    direct,
    fanout,
    topic,
    headers,
    consistentHash,
    modulusHash,
    random,
    localRandom,
    messageDeduplication,
    recentHistory,
    event,
  ].map((type) => [type.name, type]),
);
const delayed = delayedMessage(types);
types.set(delayed.name, delayed);

/** The types that exchange.declare knows, by name. A new type is a file and an entry here. */
export const exchangeTypes: ReadonlyMap<string, ExchangeType> = types;
